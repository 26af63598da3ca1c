import { expect, test } from "vitest";
import { FlowLog } from "#agent/local/flow-log.ts";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { until } from "#agent/local/until.ts";
import { PacketSocket } from "#test/support/packet-socket.ts";
import { buildPacket } from "#test/support/packet.ts";
import { macsOf } from "#test/support/ping.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { prepare, useNode } from "#test/support/use-node.ts";

const node = useNode({
  objects: {
    "server.yaml": networkPolicy({ name: "server", selects: { app: "server" }, ingress: [{ from: [app("client")] }] }),
  },
});
let server: LabPod;
let client: LabPod;
let intruder: LabPod;

prepare(async () => {
  server = await node().addPod({ name: "server", labels: { app: "server" } });
  client = await node().addPod({ name: "client", labels: { app: "client" } });
  intruder = await node().addPod({ name: "intruder", labels: { app: "intruder" } });
});

/** Marks a datagram by its source port, so that it is known when it comes out. */
function datagram(from: LabPod, sender: { mac?: string; source?: string }, sport: number): Uint8Array {
  const { own, host } = macsOf(from);
  const source = sender.source ?? from.ipv4;
  return buildPacket({
    sourceMac: sender.mac ?? own,
    destinationMac: host,
    source,
    destination: source.includes(":") ? server.ipv6 : server.ipv4,
    transport: { kind: "udp", sport, dport: 80 },
  });
}

/** Whether a frame is a UDP datagram from that port. */
function isFrom(frame: Uint8Array, sport: number): boolean {
  const start = frame[12] === 0x08 ? 34 : 54;
  return frame[start] === sport >> 8 && frame[start + 1] === (sport & 255);
}

test.for([
  ["another pod's IPv4 address", () => ({ source: client.ipv4 }), "INVALID_SOURCE_IP"],
  ["another pod's IPv6 address", () => ({ source: client.ipv6 }), "INVALID_SOURCE_IP"],
  ["an address of nobody", () => ({ source: "192.0.2.1" }), "INVALID_SOURCE_IP"],
  ["another pod's MAC address", () => ({ mac: macsOf(client).own }), "INVALID_SOURCE_MAC"],
] as const)("a packet with %s as its source is dropped, and reported", async ([, sender, reason]) => {
  await using log = new FlowLog(node().client);
  using out = PacketSocket.open(intruder.namespace, intruder.ifName);
  using honest = PacketSocket.open(client.namespace, client.ifName);
  using arrived = PacketSocket.open(server.namespace, server.ifName);
  out.send(datagram(intruder, sender(), 4001));
  honest.send(datagram(client, {}, 4002));

  const frames: Uint8Array[] = [];
  await until("the honest datagram", () => {
    frames.push(...arrived.receive());
    return frames.some((frame) => isFrom(frame, 4002));
  });
  expect(frames.some((frame) => isFrom(frame, 4001))).toBe(false);
  await until("the drop to be reported", () => log.since(0).some((flow) => flow.drop_reason_desc === reason));
});
