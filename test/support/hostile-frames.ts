import { encodeAddress, encodeMac } from "#agent/datapath/address.ts";
import { buildArp, buildPacket, buildSolicitation, type PacketSpec, type Transport } from "./packet.ts";
import { fragmentFields } from "./udp-fragments.ts";

/** Who sends, and whom it wants to reach or to be. */
export interface Stage {
  readonly own: { readonly mac: string; readonly ipv4: string; readonly ipv6: string };
  /** The node's end of the sender's link. */
  readonly host: { readonly mac: string; readonly ipv4: string; readonly ipv6: string };
  readonly victim: { readonly mac: string; readonly ipv4: string; readonly ipv6: string };
  /** A machine that is no pod, and the node's address on the link to it. */
  readonly outside: { readonly ipv4: string; readonly ipv6: string };
  readonly node: { readonly ipv4: string; readonly ipv6: string };
  /** Bytes by which a frame is recognised wherever it comes out; a multiple of 8. */
  readonly marker: Uint8Array;
}

export interface HostileFrames {
  readonly title: string;
  readonly frames: (stage: Stage) => Uint8Array[];
  /** Hubble's name of the reason. */
  readonly reason: string;
  /** Counted, and not told as a flow: what honest pods send, too. */
  readonly isQuiet?: boolean;
}

const broadcastMac = "ff:ff:ff:ff:ff:ff";

const concat = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
const is6 = (address: string): boolean => address.includes(":");
/** A UDP datagram with the marker as its payload. */
function udp(marker: Uint8Array, sport = 4000, dport = 80): Transport {
  const head = Uint8Array.of(sport >> 8, sport & 255, dport >> 8, dport & 255, 0, 8 + marker.length, 0, 0);
  return { kind: "raw", protocol: 17, payload: concat(head, marker) };
}

type Ip = Omit<PacketSpec, "sourceMac" | "destinationMac"> & { readonly sourceMac?: string };

function toNode({ own, host }: Stage, ip: Ip): Uint8Array {
  return buildPacket({ sourceMac: own.mac, destinationMac: host.mac, ...ip });
}

/** To a pod, the node and the world, of the family of the source. */
function toAll(stage: Stage, source: string, more: Partial<Ip> = {}): Uint8Array[] {
  return [stage.victim, stage.node, stage.host, stage.outside].map(({ ipv4, ipv6 }) =>
    toNode(stage, { source, destination: is6(source) ? ipv6 : ipv4, transport: udp(stage.marker), ...more }),
  );
}

function ofSources(title: string, sources: (stage: Stage) => readonly string[]): HostileFrames {
  const frames = (stage: Stage) => sources(stage).flatMap((source) => toAll(stage, source));
  return { title, frames, reason: "INVALID_SOURCE_IP" };
}

function arp(
  { own, marker }: Stage,
  spec: Partial<Parameters<typeof buildArp>[0]> & { senderIp: string; targetIp: string },
) {
  return concat(buildArp({ sourceMac: own.mac, ...spec }), marker);
}

/** A message of ICMPv6 with the marker in an option that nobody knows (RFC 4861 section 4.6). */
function nd(stage: Stage, type: number, body: Uint8Array, ip: { source: string; destination: string }): Uint8Array {
  const option = concat(Uint8Array.of(200, 1 + stage.marker.length / 8, 0, 0, 0, 0, 0, 0), stage.marker);
  const quoted = concat(body, option);
  return toNode(stage, { ...ip, ttl: 255, transport: { kind: "icmp", type, quoted } });
}

const address6 = (address: string): Uint8Array => encodeAddress(address).bytes;
const linkOption = (type: number, mac: string): Uint8Array => concat(Uint8Array.of(type, 1), encodeMac(mac));
const linkLocal = "fe80::2";

/** From the sender's own and link-local address, to a pod, the node and all of the link. */
function ndToAll(stage: Stage, type: number, body: Uint8Array): Uint8Array[] {
  const destinations = [stage.victim.ipv6, stage.node.ipv6, stage.host.ipv6, "ff02::1"];
  return [stage.own.ipv6, linkLocal, stage.host.ipv6].flatMap((source) =>
    destinations.map((destination) => nd(stage, type, body, { source, destination })),
  );
}

function icmp4(stage: Stage, type: number, code: number): Uint8Array[] {
  const quoted = concat(new Uint8Array(28), stage.marker);
  const transport = { kind: "icmp", type, code, quoted } as const;
  return toAll(stage, stage.own.ipv4, { transport });
}

/** IPv4 options that prescribe a way by the victim: RFC 791 section 3.1. */
function routeOption(kind: number, { ipv4 }: { ipv4: string }): number[] {
  return [kind, 7, 4, ...address6(ipv4).subarray(0, 4), 0];
}

/** A routing header with one segment left: RFC 8200 section 4.4. */
function routingHeader(kind: number, { ipv6 }: { ipv6: string }): readonly [number, Uint8Array] {
  return [43, concat(Uint8Array.of(kind, 1, 0, 0, 0, 0), address6(ipv6))];
}

/** Fragments of a TCP packet to port 80: an honest first one, and others that begin inside of its header. */
function overlapping(stage: Stage): { readonly first: Uint8Array; readonly over: Uint8Array }[] {
  const payload: Transport = { kind: "raw", protocol: 6, payload: stage.marker };
  return [4, 6].flatMap((family) =>
    [8, 16].map((offset, i) => {
      const id = 0x7700 + family * 16 + i;
      const [source, destination] =
        family === 4 ? [stage.own.ipv4, stage.victim.ipv4] : [stage.own.ipv6, stage.victim.ipv6];
      const make = (transport: Transport, at: number, more: boolean): Uint8Array =>
        toNode(stage, { source, destination, transport, ...fragmentFields(family === 6, at, more, id) });
      const syn: Transport = { kind: "tcp", sport: 4100 + id, dport: 80, flags: ["SYN"] };
      return { first: make(syn, 0, true), over: make(payload, offset, false) };
    }),
  );
}

/** Honest datagrams to a pod, to a port of it. */
export function datagrams(
  stage: Stage,
  to: { readonly ipv4: string; readonly ipv6: string },
  dport: number,
): Uint8Array[] {
  return [stage.own.ipv4, stage.own.ipv6].map((source) =>
    toNode(stage, { source, destination: is6(source) ? to.ipv6 : to.ipv4, transport: udp(stage.marker, 4000, dport) }),
  );
}

/** The honest beginnings of what {@link hostileFrames} lays fragments over. */
export function firstFragments(stage: Stage): Uint8Array[] {
  return overlapping(stage).map(({ first }) => first);
}

/** What a pod may try. Each of a row's frames is dropped for the row's reason, and comes out nowhere. */
export const hostileFrames: readonly HostileFrames[] = [
  ofSources("another pod's address", ({ victim }) => [victim.ipv4, victim.ipv6]),
  ofSources("the node's address", ({ node, host }) => [node.ipv4, node.ipv6, host.ipv4, host.ipv6]),
  ofSources("an address of the world", ({ outside }) => [outside.ipv4, outside.ipv6, "8.8.8.8", "2001:4860::1"]),
  ofSources("an address that nobody may have", ({ own }) => [
    "0.0.0.0",
    "127.0.0.1",
    "255.255.255.255",
    "224.0.0.1",
    "::",
    "::1",
    "ff02::1",
    linkLocal,
    `::ffff:${own.ipv4}`,
  ]),
  {
    title: "another MAC address",
    reason: "INVALID_SOURCE_MAC",
    frames: (stage) =>
      [stage.victim.mac, stage.host.mac, broadcastMac, "01:00:5e:00:00:01", "00:00:00:00:00:00"].flatMap((sourceMac) =>
        [stage.own.ipv4, stage.own.ipv6].flatMap((source) => toAll(stage, source, { sourceMac })),
      ),
  },
  {
    title: "an ARP claim of another's address: request, announcement, answer",
    reason: "INVALID_SOURCE_IP",
    frames: (stage) =>
      [stage.victim.ipv4, stage.host.ipv4, stage.node.ipv4, stage.outside.ipv4].flatMap((senderIp) => [
        arp(stage, { senderIp, targetIp: stage.node.ipv4 }),
        arp(stage, { senderIp, targetIp: senderIp }),
        arp(stage, { senderIp, targetIp: stage.node.ipv4, operation: 2 }),
        arp(stage, { senderIp, targetIp: senderIp, operation: 2 }),
      ]),
  },
  {
    title: "an ARP claim of its own address for another's MAC address",
    reason: "INVALID_SOURCE_MAC",
    frames: (stage) =>
      ([1, 2] as const).map((operation) =>
        arp(stage, {
          senderIp: stage.own.ipv4,
          targetIp: stage.node.ipv4,
          senderMac: stage.victim.mac,
          operation,
        }),
      ),
  },
  {
    title: "a neighbour solicitation from another's address",
    reason: "INVALID_SOURCE_IP",
    frames: (stage) =>
      [stage.victim.ipv6, stage.host.ipv6, stage.node.ipv6].map((source) =>
        concat(buildSolicitation({ sourceMac: stage.own.mac, source, target: stage.host.ipv6 }), stage.marker),
      ),
  },
  {
    title: "a neighbour advertisement",
    reason: "FORBIDDEN_ICMPV6_MESSAGE",
    frames: (stage) =>
      [stage.victim.ipv6, stage.host.ipv6, stage.own.ipv6].flatMap((target) =>
        ndToAll(stage, 136, concat(address6(target), linkOption(2, stage.own.mac))),
      ),
  },
  {
    title: "a router advertisement",
    reason: "FORBIDDEN_ICMPV6_MESSAGE",
    frames: (stage) => ndToAll(stage, 134, concat(new Uint8Array(8), linkOption(1, stage.own.mac))),
  },
  {
    title: "a redirect of ICMPv6",
    reason: "FORBIDDEN_ICMPV6_MESSAGE",
    frames: (stage) =>
      ndToAll(stage, 137, concat(address6(stage.own.ipv6), address6(stage.outside.ipv6), linkOption(2, stage.own.mac))),
  },
  {
    title: "a redirect of ICMP, or a router advertisement by it",
    reason: "FORBIDDEN_ICMPV4_MESSAGE",
    frames: (stage) => [...[0, 1, 2, 3].flatMap((code) => icmp4(stage, 5, code)), ...icmp4(stage, 9, 0)],
  },
  {
    title: "what a DHCP server says to all of a link",
    reason: "MULTICAST_HANDLED",
    isQuiet: true,
    frames: (stage) => [
      toNode(stage, {
        source: stage.own.ipv4,
        destination: "255.255.255.255",
        transport: udp(stage.marker, 67, 68),
      }),
      ...[stage.own.ipv6, linkLocal].map((source) =>
        toNode(stage, { source, destination: "ff02::1:2", transport: udp(stage.marker, 547, 546) }),
      ),
    ],
  },
  {
    title: "what a DHCP server says to a client, as the node",
    reason: "INVALID_SOURCE_IP",
    frames: (stage) =>
      [stage.host, stage.node].flatMap(({ ipv4, ipv6 }) => [
        ...toAll(stage, ipv4, { transport: udp(stage.marker, 67, 68) }),
        ...toAll(stage, ipv6, { transport: udp(stage.marker, 547, 546) }),
      ]),
  },
  {
    title: "a way that the sender prescribes",
    reason: "SOURCE_ROUTE",
    frames: (stage) => [
      ...[131, 137].flatMap((kind) =>
        [stage.victim, stage.outside].flatMap((hop) =>
          toAll(stage, stage.own.ipv4, { options: routeOption(kind, hop) }),
        ),
      ),
      ...[0, 2, 3, 4, 253].flatMap((kind) =>
        [stage.victim, stage.outside].flatMap((hop) =>
          toAll(stage, stage.own.ipv6, { extensions: [routingHeader(kind, hop)] }),
        ),
      ),
    ],
  },
  {
    title: "to the loopback addresses of the node",
    reason: "STALE_OR_UNROUTABLE_IP",
    frames: (stage) =>
      ["127.0.0.1", "127.1.2.3"].map((destination) =>
        toNode(stage, { source: stage.own.ipv4, destination, transport: udp(stage.marker) }),
      ),
  },
  {
    title: "fragments laid over the headers that were judged",
    reason: "FRAGMENT_OVERLAP",
    frames: (stage) => overlapping(stage).map(({ over }) => over),
  },
  {
    title: "frames with a tag of a VLAN",
    reason: "VLAN_FILTERED",
    frames: (stage) =>
      [0x8100, 0x88a8].flatMap((type) =>
        [stage.own.ipv4, stage.own.ipv6].flatMap((source) =>
          toAll(stage, source).map((frame) =>
            concat(frame.subarray(0, 12), Uint8Array.of(type >> 8, type & 255, 0, 7), frame.subarray(12)),
          ),
        ),
      ),
  },
  {
    title: "frames of what is neither IP nor ARP",
    reason: "UNSUPPORTED_L3_PROTOCOL",
    // RARP, LLDP, 802.1X, MACsec, PPPoE, MPLS, and the length of 802.2 (spanning tree).
    frames: (stage) =>
      [0x8035, 0x88cc, 0x888e, 0x88e5, 0x8864, 0x8847, 0x0026].map((type) =>
        concat(
          encodeMac("01:80:c2:00:00:00"),
          encodeMac(stage.own.mac),
          Uint8Array.of(type >> 8, type & 255),
          new Uint8Array(46),
          stage.marker,
        ),
      ),
  },
];
