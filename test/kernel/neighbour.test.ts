import { beforeEach, expect, test } from "vitest";
import { decodeMac, encodeAddress } from "#agent/datapath/address.ts";
import { DropReason } from "#agent/datapath/layouts.gen.ts";
import { Action } from "#test/support/datapath.ts";
import { buildArp, buildSolicitation, icmpv6Checksum } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";
import { reasonOf, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

test("a request for any other address is answered with the host side's MAC address", async () => {
  using pods = await TwoPods.with();
  const { client } = pods;
  const { action, packet } = pods.datapath.send(
    client,
    buildArp({ sourceMac: client.mac, senderIp: "10.0.0.2", targetIp: "10.0.0.1" }),
  );
  expect(action).toBe(Action.redirect);
  expect(decodeMac(packet.subarray(0, 6))).toBe(client.mac);
  expect(decodeMac(packet.subarray(6, 12))).toBe(client.hostMac);
  expect([...packet.subarray(20, 22)]).toEqual([0, 2]);
  expect(decodeMac(packet.subarray(22, 28))).toBe(client.hostMac);
  expect([...packet.subarray(28, 32)]).toEqual([10, 0, 0, 1]);
  expect(decodeMac(packet.subarray(32, 38))).toBe(client.mac);
  expect([...packet.subarray(38, 42)]).toEqual([10, 0, 0, 2]);
});

test.each([
  ["its own address", { senderIp: "10.0.0.2", targetIp: "10.0.0.2" }, null],
  ["a probe for a duplicate", { senderIp: "0.0.0.0", targetIp: "10.0.0.2" }, null],
  ["another's sender address", { senderIp: "10.0.0.3", targetIp: "10.0.0.1" }, DropReason.INVALID_SOURCE_IP],
  [
    "another's sender MAC address",
    { senderIp: "10.0.0.2", targetIp: "10.0.0.1", senderMac: "02:00:00:00:00:99" },
    DropReason.INVALID_SOURCE_MAC,
  ],
])("a request with %s is not answered", async (_, arp, reason) => {
  using pods = await TwoPods.with();
  const outcome = pods.datapath.send(pods.client, buildArp({ sourceMac: pods.client.mac, ...arp }));
  expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, reason]);
});

test("a solicitation is answered with an advertisement that is right to the checksum", async () => {
  using pods = await TwoPods.with();
  const { client } = pods;
  const frame = buildSolicitation({ sourceMac: client.mac, source: "fd00::2", target: "fd00::1" });
  const { action, packet } = pods.datapath.send(client, frame);
  expect(action).toBe(Action.redirect);
  expect(packet).toHaveLength(86);
  expect(packet[54]).toBe(136);
  expect(Buffer.from(packet.subarray(22, 38))).toEqual(Buffer.from(encodeAddress("fd00::1").bytes));
  expect(Buffer.from(packet.subarray(38, 54))).toEqual(Buffer.from(encodeAddress("fd00::2").bytes));
  expect(Buffer.from(packet.subarray(62, 78))).toEqual(Buffer.from(encodeAddress("fd00::1").bytes));
  expect(decodeMac(packet.subarray(80, 86))).toBe(client.hostMac);
  expect(icmpv6Checksum(packet)).toBe(0);
});

test("a solicitation from another's address is dropped; duplicate address detection is dropped without a word", async () => {
  using pods = await TwoPods.with();
  const send = (source: string, target: string) =>
    pods.datapath.send(pods.client, buildSolicitation({ sourceMac: pods.client.mac, source, target }));
  expect(reasonOf(send("fd00::3", "fd00::1"))).toBe(DropReason.INVALID_SOURCE_IP);
  const probe = send("::", "fd00::2");
  expect([probe.action, reasonOf(probe)]).toEqual([Action.drop, null]);
});

test.each(["2001:db8::1", "fd00::fe", "fd00::3"])(
  "what looks like a neighbour advertisement does not reach %s past all policy",
  async (destination) => {
    using pods = await TwoPods.with();
    const quoted = new Uint8Array(Buffer.concat([encodeAddress("fd00::2").bytes, Buffer.from("payload")]));
    const transport = { kind: "icmp", type: 136, quoted } as const;
    const frame = pods.datapath.packet(pods.client, { source: "fd00::2", destination, transport });
    expect(pods.datapath.send(pods.client, frame).action).toBe(Action.drop);
  },
);
