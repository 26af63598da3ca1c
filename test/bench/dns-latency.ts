/** Asks a resolver one query after the other: `dns-latency.ts ADDRESS COUNT`. Prints the median of an answer's time in ms. */
import { createSocket } from "node:dgram";
import { once } from "node:events";

const [address = "", count = ""] = process.argv.slice(2);
const socket = createSocket("udp4");
socket.connect(53, address);
await once(socket, "connect");

/** RFC 1035, section 4: header, one question of type A. */
function query(id: number): Buffer {
  const header = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const labels = ["n1", "example", "com"].map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

const times: number[] = [];
for (let id = 0; id < Number(count); id++) {
  const began = performance.now();
  const answered = once(socket, "message");
  socket.send(query(id & 0xffff));
  await answered;
  times.push(performance.now() - began);
}
socket.close();
const sorted = times.toSorted((a, b) => a - b);
process.stdout.write(String(sorted[sorted.length >> 1]));
