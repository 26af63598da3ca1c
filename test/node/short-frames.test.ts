import { expect, test } from "vitest";
import { FlowLog } from "#agent/local/flow-log.ts";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { until } from "#agent/local/until.ts";
import { PacketSocket } from "#test/support/packet-socket.ts";
import { buildPacket } from "#test/support/packet.ts";
import { macsOf } from "#test/support/ping.ts";
import { prepare, useNode } from "#test/support/use-node.ts";

const node = useNode();
let sender: LabPod;
let receiver: LabPod;

prepare(async () => {
  sender = await node().addPod({ name: "sender" });
  receiver = await node().addPod({ name: "receiver" });
});

/** A datagram's frame. Test runs take none that is shorter than its IP header; devices do. */
function frame(family: 4 | 6): Uint8Array {
  const { own, host } = macsOf(sender);
  const [source, destination] = family === 4 ? [sender.ipv4, receiver.ipv4] : ([sender.ipv6, receiver.ipv6] as const);
  const transport = { kind: "udp", sport: 4001, dport: 80 } as const;
  return buildPacket({ sourceMac: own, destinationMac: host, source, destination, transport, size: 20 });
}

test.for([4, 6] as const)("a frame of IPv%i that ends anywhere in its headers is dropped and told", async (family) => {
  await using log = new FlowLog(node().client);
  using out = PacketSocket.open(sender.namespace, sender.ifName);
  using arrived = PacketSocket.open(receiver.namespace, receiver.ifName);
  const whole = frame(family);
  const headers = family === 4 ? 42 : 62;
  const lengths = Array.from({ length: headers - 14 }, (_, more) => 14 + more);
  for (const length of lengths) out.send(whole.slice(0, length));
  out.send(whole);

  const frames: Uint8Array[] = [];
  const type = family === 4 ? "0800" : "86dd";
  const isDatagram = (one: Uint8Array): boolean => Buffer.from(one.subarray(12, 14)).toString("hex") === type;
  await until("the whole datagram", () => {
    frames.push(...arrived.receive().filter(isDatagram));
    return frames.some(({ length }) => length === whole.length);
  });
  expect(frames.filter(({ length }) => length < headers)).toEqual([]);
  await until(
    "all drops to be told",
    () => log.since(0).filter((flow) => flow.drop_reason_desc === "INVALID_PACKET_DROPPED").length >= lengths.length,
  );
});
