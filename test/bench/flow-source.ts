/**
 * Sends datagrams from a pod, each of a connection of its own: one flow.
 *
 *   node flow-source.ts RATE ADDRESS...      so many a second, to one address after the other
 */
import { createSocket } from "node:dgram";

const [rate = 0, ...addresses] = process.argv.slice(2).map((text, i) => (i === 0 ? Number(text) : text));
/** Between two bursts, in ms. */
const pace = 20;
const socket = createSocket("udp4");
// A port that nobody serves answers by ICMP.
socket.on("error", () => {});
const begun = performance.now();
let sent = 0;
setInterval(() => {
  const due = (Number(rate) * (performance.now() - begun)) / 1000;
  for (; sent < due; sent++) {
    const address = addresses[sent % addresses.length];
    socket.send("flow", 10_000 + (sent % 50_000), String(address));
  }
}, pace);
