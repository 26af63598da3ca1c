import { beforeEach, describe, expect, test } from "vitest";
import { DropReason } from "#agent/datapath/layouts.gen.ts";
import { Action } from "#test/support/datapath.ts";
import type { PacketSpec, Transport } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";
import { fromClient80, reasonOf, serverPolicy, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

type Ip = Omit<PacketSpec, "sourceMac" | "destinationMac">;

interface Family {
  readonly name: string;
  /** A fragment of datagram `id` at `offset` (bytes). */
  readonly fragment: (transport: Transport, id: number, offset: number, more: boolean) => Ip;
}

const families: Family[] = [
  {
    name: "IPv4",
    fragment: (transport, id, offset, more) => {
      const fragment = (more ? 0x2000 : 0) | (offset / 8);
      return { source: "10.0.0.2", destination: "10.0.0.3", transport, id, fragment };
    },
  },
  {
    name: "IPv6",
    fragment: (transport, id, offset, more) => {
      const header = Uint8Array.of(offset >> 8, (offset & 0xf8) | Number(more), 0, 0, id >> 8, id & 255);
      return { source: "fd00::2", destination: "fd00::3", transport, extensions: [[44, header]] };
    },
  },
];

const first = (dport: number): Transport => ({ kind: "udp", sport: 40_000, dport });
/** What stands in a later fragment is payload, whatever it looks like. */
const payload = (protocol: number): Transport => ({ kind: "raw", protocol, payload: new Uint8Array(64).fill(0xff) });
const udp80 = fromClient80.replace("port: 80", "port: 80, protocol: UDP");

describe.each(families)("$name", ({ fragment }) => {
  const send = (pods: TwoPods, ip: Ip) => pods.datapath.send(pods.client, pods.datapath.packet(pods.client, ip));

  test("later fragments go the way of their datagram's first", async () => {
    using pods = await TwoPods.with(serverPolicy(udp80));
    expect(send(pods, fragment(first(80), 1, 0, true)).action).toBe(Action.redirect);
    const middle = send(pods, fragment(payload(17), 1, 64, true));
    expect([middle.action, reasonOf(middle)]).toEqual([Action.redirect, null]);
    expect(send(pods, fragment(payload(17), 1, 128, false)).action).toBe(Action.redirect);
    expect(reasonOf(send(pods, fragment(first(81), 2, 0, true)))).toBe(DropReason.POLICY_DENIED);
    expect(reasonOf(send(pods, fragment(payload(17), 2, 64, false)))).toBe(DropReason.POLICY_DENIED);
  });

  test("one whose first has not come by is dropped with its own reason", async () => {
    using pods = await TwoPods.with();
    expect(reasonOf(send(pods, fragment(payload(17), 3, 64, false)))).toBe(DropReason.FRAGMENT_FIRST_MISSING);
    send(pods, fragment(first(80), 3, 0, true));
    // Of another datagram, or another protocol.
    expect(reasonOf(send(pods, fragment(payload(17), 4, 64, false)))).toBe(DropReason.FRAGMENT_FIRST_MISSING);
    expect(reasonOf(send(pods, fragment(payload(6), 3, 64, false)))).toBe(DropReason.FRAGMENT_FIRST_MISSING);
    expect(send(pods, fragment(payload(17), 3, 64, false)).action).toBe(Action.redirect);
  });

  test("one that would be laid over the headers that were judged is dropped with its own reason", async () => {
    using pods = await TwoPods.with();
    const syn: Transport = { kind: "tcp", sport: 40_000, dport: 80, flags: ["SYN"] };
    send(pods, fragment(syn, 5, 0, true));
    for (const offset of [8, 16]) {
      expect(reasonOf(send(pods, fragment(payload(6), 5, offset, false)))).toBe(DropReason.FRAGMENT_OVERLAP);
    }
    expect(send(pods, fragment(payload(6), 5, 24, false)).action).toBe(Action.redirect);
  });

  test("a first fragment too short for its ports is refused", async () => {
    using pods = await TwoPods.with();
    const stub: Transport = { kind: "raw", protocol: 6, payload: new Uint8Array(8) };
    expect(reasonOf(send(pods, fragment(stub, 6, 0, true)))).toBe(DropReason.INVALID_PACKET);
  });
});

test("an IPv6 fragment that is whole by itself is no fragment", async () => {
  using pods = await TwoPods.with(serverPolicy(udp80));
  const [, ipv6] = families as [Family, Family];
  const frame = pods.datapath.packet(pods.client, ipv6.fragment(first(80), 7, 0, false));
  expect(pods.datapath.send(pods.client, frame).action).toBe(Action.redirect);
});

test("neighbour discovery in fragments is refused", async () => {
  using pods = await TwoPods.with();
  const [, ipv6] = families as [Family, Family];
  const solicitation: Transport = { kind: "icmp", type: 135, quoted: new Uint8Array(20) };
  const outcome = pods.datapath.send(
    pods.client,
    pods.datapath.packet(pods.client, ipv6.fragment(solicitation, 8, 0, true)),
  );
  expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, DropReason.FORBIDDEN_ICMPV6]);
});
