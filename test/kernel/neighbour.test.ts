import { beforeEach, describe, expect, test } from "vitest";
import { decodeMac, encodeAddress } from "#agent/datapath/address.ts";
import { DropReason } from "#agent/datapath/layouts.gen.ts";
import { Action } from "#test/support/datapath.ts";
import { buildArp, buildSolicitation, icmpv6Checksum, type PacketSpec } from "#test/support/packet.ts";
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

test("a reply with the pod's own address goes up to the node", async () => {
  using pods = await TwoPods.with();
  const arp = { sourceMac: pods.client.mac, senderIp: "10.0.0.2", targetIp: "10.0.0.254", operation: 2 } as const;
  expect(pods.datapath.send(pods.client, buildArp(arp)).action).toBe(Action.next);
});

test.each([
  ["of another kind of network", (frame: Uint8Array) => frame.with(15, 6)],
  ["of another protocol than IPv4", (frame: Uint8Array) => frame.with(17, 1)],
  ["with MAC addresses of another length", (frame: Uint8Array) => frame.with(18, 8)],
  ["with protocol addresses of another length", (frame: Uint8Array) => frame.with(19, 16)],
  ["that neither asks nor answers", (frame: Uint8Array) => frame.with(21, 3)],
  ["that is cut off", (frame: Uint8Array) => frame.slice(0, 40)],
] as const)("an ARP packet %s is dropped", async (_, change) => {
  using pods = await TwoPods.with();
  const arp = buildArp({ sourceMac: pods.client.mac, senderIp: "10.0.0.2", targetIp: "10.0.0.1" });
  const outcome = pods.datapath.send(pods.client, change(arp));
  expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, DropReason.INVALID_PACKET]);
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

test("a solicitation from a link-local address is answered; one for the pod's own address is not", async () => {
  using pods = await TwoPods.with();
  const send = (source: string, target: string) =>
    pods.datapath.send(pods.client, buildSolicitation({ sourceMac: pods.client.mac, source, target }));
  expect(send("fe80::2", "fd00::1").action).toBe(Action.redirect);
  const own = send("fd00::2", "fd00::2");
  expect([own.action, reasonOf(own)]).toEqual([Action.drop, null]);
});

describe("of neighbour discovery", () => {
  const drop = async (ip: Omit<PacketSpec, "sourceMac" | "destinationMac">) => {
    using pods = await TwoPods.with();
    const outcome = pods.datapath.send(pods.client, pods.datapath.packet(pods.client, ip));
    expect(outcome.action).toBe(Action.drop);
    return reasonOf(outcome);
  };
  const to = { source: "fd00::2", destination: "fd00::1" };

  test("a solicitation that ends before its target is dropped", async () => {
    expect(await drop({ ...to, transport: { kind: "icmp", type: 135, quoted: new Uint8Array(8) } })).toBe(
      DropReason.INVALID_PACKET,
    );
  });

  test("advertisements and redirects are dropped, and told of; a question for a router without a word", async () => {
    const message = (type: number) => drop({ ...to, transport: { kind: "icmp", type, quoted: new Uint8Array(32) } });
    for (const type of [134, 136, 137]) expect(await message(type)).toBe(DropReason.FORBIDDEN_ICMPV6);
    expect(await message(133)).toBe(null);
  });

  test("what tells of a pod's multicast groups is dropped without a word", async () => {
    // RFC 3810: hop-by-hop options with a router alert before the report.
    const alert = [0, Uint8Array.of(5, 2, 0, 0, 1, 0)] as const;
    const report = { kind: "icmp", type: 143, quoted: new Uint8Array(20) } as const;
    for (const source of ["fe80::2", "::", "fd00::2"]) {
      expect(await drop({ source, destination: "ff02::16", transport: report, extensions: [alert] })).toBe(null);
    }
  });
});
