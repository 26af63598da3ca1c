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
  /** Whether fragments of another protocol are another datagram's. */
  readonly hasProtocol: boolean;
  /** A fragment of datagram `id` at `offset` (bytes). */
  readonly fragment: (transport: Transport, id: number, offset: number, more: boolean) => Ip;
}

const families: Family[] = [
  {
    name: "IPv4",
    hasProtocol: true,
    fragment: (transport, id, offset, more) => {
      const fragment = (more ? 0x2000 : 0) | (offset / 8);
      return { source: "10.0.0.2", destination: "10.0.0.3", transport, id, fragment };
    },
  },
  {
    name: "IPv6",
    hasProtocol: false,
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

describe.each(families)("$name", ({ fragment, hasProtocol }) => {
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
    expect(reasonOf(send(pods, fragment(payload(17), 4, 64, false)))).toBe(DropReason.FRAGMENT_FIRST_MISSING);
    const other = reasonOf(send(pods, fragment(payload(6), 3, 64, false)));
    expect(other).toBe(hasProtocol ? DropReason.FRAGMENT_FIRST_MISSING : null);
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

  test("nor over those that another first one of the datagram had", async () => {
    using pods = await TwoPods.with();
    send(pods, fragment({ kind: "tcp", sport: 40_000, dport: 80, flags: ["SYN"] }, 9, 0, true));
    if (!hasProtocol) send(pods, fragment(first(80), 9, 0, true));
    expect(reasonOf(send(pods, fragment(payload(6), 9, 16, false)))).toBe(DropReason.FRAGMENT_OVERLAP);
  });

  test("nobody else changes what is known of a pod's datagrams, or wins their places", async () => {
    using pods = await TwoPods.with(serverPolicy(udp80));
    send(pods, fragment(first(80), 10, 0, true));
    // The server says that it is the client.
    const { datapath, client, server } = pods;
    const spoofed = datapath.packet(server, fragment(first(22), 10, 0, true));
    expect(reasonOf(datapath.send(server, spoofed))).toBe(DropReason.INVALID_SOURCE_IP);
    for (let id = 0; id < 1000; id++) {
      const { source: destination, destination: source, ...others } = fragment(first(80), id, 0, true);
      datapath.send(server, datapath.packet(server, { ...others, source, destination }));
    }
    const later = datapath.send(client, datapath.packet(client, fragment(payload(17), 10, 64, false)));
    expect([later.action, reasonOf(later)]).toEqual([Action.redirect, null]);
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

describe("what stands behind the datagram in a frame is not looked at", () => {
  const [ipv4, ipv6] = families as [Family, Family];
  const whole = (transport: Transport): Ip => ({ source: "10.0.0.2", destination: "10.0.0.3", transport });

  /** Writes another length into an IP header: of all for IPv4, of the payload for IPv6. */
  function shorten(frame: Uint8Array, by: number): Uint8Array {
    const view = new DataView(frame.buffer, frame.byteOffset);
    const at = view.getUint16(12) === 0x0800 ? 16 : 18;
    view.setUint16(at, view.getUint16(at) - by);
    return frame;
  }

  test("padding does no harm", async () => {
    using pods = await TwoPods.with(serverPolicy(udp80));
    const frame = pods.datapath.packet(pods.client, whole(first(80)));
    const padded = Uint8Array.from([...frame, ...new Uint8Array(18)]);
    expect(pods.datapath.send(pods.client, padded).action).toBe(Action.redirect);
  });

  test.each([
    ["ports of IPv4", whole(first(80)), 6],
    ["ports of IPv6", { ...whole(first(80)), source: "fd00::2", destination: "fd00::3" }, 6],
    ["a first fragment's ports, IPv4", ipv4.fragment(first(80), 1, 0, true), 8],
    ["the rest of a TCP header", whole({ kind: "tcp", sport: 40_000, dport: 80, flags: ["SYN"] }), 4],
  ])("%s", async (_, ip, by) => {
    using pods = await TwoPods.with();
    // The builder's UDP and TCP packets have no payload.
    const outcome = pods.datapath.send(pods.client, shorten(pods.datapath.packet(pods.client, ip), by));
    expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, DropReason.INVALID_PACKET]);
  });

  test("the rest of a first fragment's chain of headers", async () => {
    using pods = await TwoPods.with(serverPolicy(udp80));
    const { extensions = [], ...ip } = ipv6.fragment(first(80), 7, 0, true);
    // Options, options, then UDP: the datagram ends before the second options.
    const option = Uint8Array.of(1, 4, 0, 0, 0, 0);
    const frame = pods.datapath.packet(pods.client, { ...ip, extensions: [...extensions, [60, option], [60, option]] });
    expect(pods.datapath.send(pods.client, frame.slice()).action).toBe(Action.redirect);
    const outcome = pods.datapath.send(pods.client, shorten(frame, 16));
    expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, DropReason.INVALID_PACKET]);
  });
});
