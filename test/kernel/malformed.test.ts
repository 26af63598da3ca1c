import { beforeEach, describe, expect, test } from "vitest";
import { DropReason } from "#agent/datapath/layouts.gen.ts";
import { Action, type Outcome } from "#test/support/datapath.ts";
import type { PacketSpec, Transport } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";
import { reasonOf, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

type Ip = Omit<PacketSpec, "sourceMac" | "destinationMac">;

const syn: Transport = { kind: "tcp", sport: 40_000, dport: 80, flags: ["SYN"] };
const ipv4 = { source: "10.0.0.2", destination: "10.0.0.3" };
const ipv6 = { source: "fd00::2", destination: "fd00::3" };
const send = (pods: TwoPods, ip: Ip, change: (frame: Uint8Array) => Uint8Array = (frame) => frame): Outcome =>
  pods.datapath.send(pods.client, change(pods.datapath.packet(pods.client, ip)));
const dropped = (outcome: Outcome, reason: number): void =>
  expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, reason]);

test.each([
  ["ICMP in IPv6", { ...ipv6, transport: { kind: "raw", protocol: 1, payload: new Uint8Array(8) } as const }],
  ["ICMPv6 in IPv4", { ...ipv4, transport: { kind: "raw", protocol: 58, payload: new Uint8Array(8) } as const }],
])("%s is of no protocol that is known", async (_, ip) => {
  using pods = await TwoPods.with();
  dropped(send(pods, ip), DropReason.UNKNOWN_L4);
});

test.each([
  ["ICMP", { ...ipv4, transport: { kind: "raw", protocol: 1, payload: new Uint8Array(7) } as const }],
  ["ICMPv6", { ...ipv6, transport: { kind: "raw", protocol: 58, payload: new Uint8Array(7) } as const }],
  ["TCP", { ...ipv4, transport: { kind: "raw", protocol: 6, payload: new Uint8Array(19) } as const }],
  ["UDP", { ...ipv6, transport: { kind: "raw", protocol: 17, payload: new Uint8Array(7) } as const }],
  ["SCTP", { ...ipv4, transport: { kind: "raw", protocol: 132, payload: new Uint8Array(11) } as const }],
])("a header of %s that is a byte short is dropped", async (_, ip) => {
  using pods = await TwoPods.with();
  dropped(send(pods, ip), DropReason.INVALID_PACKET);
});

test.each([
  ["IPv4", { ...ipv4, transport: syn }, 16],
  ["IPv6", { ...ipv6, transport: syn }, 18],
])("a datagram of %s that says to be longer than its frame is dropped", async (_, ip, at) => {
  using pods = await TwoPods.with();
  const longer = send(pods, ip, (frame) => {
    const view = new DataView(frame.buffer, frame.byteOffset);
    view.setUint16(at, view.getUint16(at) + 1);
    return frame;
  });
  dropped(longer, DropReason.INVALID_PACKET);
});

test("a frame whose type and version differ is dropped", async () => {
  using pods = await TwoPods.with();
  const version = (number: number) => (frame: Uint8Array) => {
    frame[14] = (number << 4) | ((frame[14] as number) & 15);
    return frame;
  };
  dropped(send(pods, { ...ipv4, transport: syn }, version(6)), DropReason.INVALID_PACKET);
  dropped(send(pods, { ...ipv6, transport: syn }, version(4)), DropReason.INVALID_PACKET);
});

test("a frame that is neither IP nor ARP is dropped", async () => {
  using pods = await TwoPods.with();
  const frame = pods.datapath.packet(pods.client, { ...ipv4, transport: syn });
  new DataView(frame.buffer).setUint16(12, 0x88cc); // LLDP
  dropped(pods.datapath.send(pods.client, frame), DropReason.UNSUPPORTED_L3);
  dropped(pods.datapath.receive(pods.client, frame), DropReason.UNSUPPORTED_L3);
});

describe("IPv4 options", () => {
  const nops = (count: number): number[] => Array.from({ length: count }, () => 1);

  test("may fill their room to the last byte, with ten of them at most", async () => {
    using pods = await TwoPods.with();
    const fours = Array.from({ length: 10 }, () => [7, 4, 0, 0]).flat();
    for (const options of [nops(4), nops(8), fours]) {
      expect(send(pods, { ...ipv4, transport: syn, options }).action).toBe(Action.redirect);
    }
    dropped(send(pods, { ...ipv4, transport: syn, options: nops(12) }), DropReason.INVALID_PACKET);
  });

  test("that end with the frame cannot be read", async () => {
    using pods = await TwoPods.with();
    const nothing: Transport = { kind: "raw", protocol: 59, payload: new Uint8Array(0) };
    dropped(send(pods, { ...ipv4, transport: nothing, options: nops(4) }), DropReason.INVALID_PACKET);
  });
});

describe("IPv6 extension headers", () => {
  test("have one fragment header at most", async () => {
    using pods = await TwoPods.with();
    const fragment = Uint8Array.of(0, 1, 0, 0, 0, 7);
    const extensions = [44, 44].map((number) => [number, fragment] as const);
    dropped(send(pods, { ...ipv6, transport: syn, extensions }), DropReason.INVALID_PACKET);
  });

  test("may be six", async () => {
    using pods = await TwoPods.with();
    const extensions = Array.from({ length: 6 }, () => [60, new Uint8Array(6)] as const);
    expect(send(pods, { ...ipv6, transport: syn, extensions }).action).toBe(Action.redirect);
    const seven = [...extensions, [60, new Uint8Array(6)] as const];
    dropped(send(pods, { ...ipv6, transport: syn, extensions: seven }), DropReason.IPV6_EXTENSION_HEADER);
  });

  test("that end behind the datagram are not read", async () => {
    using pods = await TwoPods.with();
    const outcome = send(pods, { ...ipv6, transport: syn, extensions: [[60, new Uint8Array(6)]] }, (frame) => {
      frame[55] = 200; // units of 8 bytes
      return frame;
    });
    dropped(outcome, DropReason.INVALID_PACKET);
  });
});

test("an aggregate too long for the length field has 0 there; any other packet with 0 is cut off", async () => {
  using pods = await TwoPods.with();
  const frame = pods.datapath.packet(pods.client, { ...ipv6, transport: syn, size: 100 });
  frame.fill(0, 18, 20);
  expect(pods.datapath.send(pods.client, frame, { gsoSize: 50 }).action).toBe(Action.redirect);
  dropped(pods.datapath.send(pods.client, frame), DropReason.INVALID_PACKET);
});
