import { encodeAddress, encodeMac } from "#agent/datapath/address.ts";

export type TcpFlag = "FIN" | "SYN" | "RST" | "PSH" | "ACK";
const tcpFlagBits: Record<TcpFlag, number> = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16 };

export type Transport =
  | {
      readonly kind: "tcp";
      readonly sport: number;
      readonly dport: number;
      readonly flags?: readonly TcpFlag[];
      /** Sequence and acknowledgement number; 1 unless told. */
      readonly seq?: number;
      readonly ack?: number;
    }
  | { readonly kind: "udp" | "sctp"; readonly sport: number; readonly dport: number }
  | {
      readonly kind: "icmp";
      readonly type: number;
      readonly code?: number;
      readonly id?: number;
      readonly quoted?: Uint8Array;
    }
  | { readonly kind: "raw"; readonly protocol: number; readonly payload?: Uint8Array };

export interface PacketSpec {
  readonly sourceMac: string;
  readonly destinationMac: string;
  readonly source: string;
  readonly destination: string;
  readonly transport: Transport;
  readonly ttl?: number;
  /** IPv4: flags and offset as on the wire. */
  readonly fragment?: number;
  /** IPv4: identification. */
  readonly id?: number;
  /** IPv4: a multiple of 4 bytes. */
  readonly options?: readonly number[];
  /** IPv6: extension headers before the transport header, each `[number, bytes after the two first]`. */
  readonly extensions?: readonly (readonly [number, Uint8Array])[];
  /** Bytes of the transport's payload. */
  readonly size?: number;
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function be16(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [value >> 8, value & 255]));
}

function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] as number) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function transportBytes(transport: Transport, isIpv6: boolean, size: number): { protocol: number; bytes: Uint8Array } {
  const payload = new Uint8Array(size);
  switch (transport.kind) {
    case "tcp": {
      const flags = (transport.flags ?? ["ACK"]).reduce((bits, flag) => bits | tcpFlagBits[flag], 0);
      const numbers = [transport.seq ?? 1, transport.ack ?? 1].flatMap((number) => [number >>> 16, number & 0xffff]);
      const header = concat(be16(transport.sport, transport.dport, ...numbers, (5 << 12) | flags, 1024, 0, 0));
      return { protocol: 6, bytes: concat(header, payload) };
    }
    case "udp":
      return { protocol: 17, bytes: concat(be16(transport.sport, transport.dport, 8 + size, 0), payload) };
    case "sctp":
      return { protocol: 132, bytes: concat(be16(transport.sport, transport.dport, 0, 0, 0, 0), payload) };
    case "icmp": {
      const head = be16((transport.type << 8) | (transport.code ?? 0), 0, transport.id ?? 0, 1);
      return { protocol: isIpv6 ? 58 : 1, bytes: concat(head, transport.quoted ?? payload) };
    }
    case "raw":
      return { protocol: transport.protocol, bytes: transport.payload ?? payload };
  }
}

/** The IP packet without its Ethernet header. */
export function buildIpPacket(spec: Omit<PacketSpec, "sourceMac" | "destinationMac">): Uint8Array {
  const source = encodeAddress(spec.source);
  const destination = encodeAddress(spec.destination);
  const isIpv6 = spec.source.includes(":");
  const { protocol, bytes } = transportBytes(spec.transport, isIpv6, spec.size ?? 0);
  if (!isIpv6) {
    const options = Uint8Array.from(spec.options ?? []);
    const size = 20 + options.length;
    const header = concat(
      be16((0x40 | (size / 4)) << 8, size + bytes.length, spec.id ?? 1, spec.fragment ?? 0),
      be16(((spec.ttl ?? 64) << 8) | protocol, 0),
      source.bytes.subarray(0, 4),
      destination.bytes.subarray(0, 4),
      options,
    );
    const sum = checksum(header);
    header[10] = sum >> 8;
    header[11] = sum & 255;
    return concat(header, bytes);
  }
  let next = protocol;
  let rest = bytes;
  for (const [number, body] of (spec.extensions ?? []).toReversed()) {
    rest = concat(Uint8Array.of(next, (body.length + 2) / 8 - 1), body, rest);
    next = number;
  }
  const head = concat(be16(0x6000, 0, rest.length), Uint8Array.of(next, spec.ttl ?? 64));
  return concat(head, source.bytes, destination.bytes, rest);
}

/** An Ethernet frame. Transport checksums are left zero: no program looks at them. */
export function buildPacket(spec: PacketSpec): Uint8Array {
  const type = spec.source.includes(":") ? 0x86dd : 0x0800;
  return concat(encodeMac(spec.destinationMac), encodeMac(spec.sourceMac), be16(type), buildIpPacket(spec));
}

export interface ArpSpec {
  readonly sourceMac: string;
  readonly senderMac?: string;
  readonly senderIp: string;
  readonly targetIp: string;
  readonly operation?: 1 | 2;
}

export function buildArp(spec: ArpSpec): Uint8Array {
  return concat(
    encodeMac("ff:ff:ff:ff:ff:ff"),
    encodeMac(spec.sourceMac),
    be16(0x0806, 1, 0x0800, 0x0604, spec.operation ?? 1),
    encodeMac(spec.senderMac ?? spec.sourceMac),
    encodeAddress(spec.senderIp).bytes.subarray(0, 4),
    new Uint8Array(6),
    encodeAddress(spec.targetIp).bytes.subarray(0, 4),
  );
}

/** A neighbour solicitation (RFC 4861 section 4.3) with the sender's link-layer address. */
export function buildSolicitation(spec: { sourceMac: string; source: string; target: string }): Uint8Array {
  const target = encodeAddress(spec.target).bytes;
  const body = concat(Uint8Array.of(135, 0, 0, 0, 0, 0, 0, 0), target, Uint8Array.of(1, 1), encodeMac(spec.sourceMac));
  const head = concat(be16(0x6000, 0, body.length), Uint8Array.of(58, 255));
  return concat(
    Uint8Array.of(0x33, 0x33, 0xff, ...target.subarray(13)),
    encodeMac(spec.sourceMac),
    be16(0x86dd),
    head,
    encodeAddress(spec.source).bytes,
    concat(Uint8Array.of(0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff), target.subarray(13)),
    body,
  );
}

/** The checksum over a transport's bytes and the pseudo header of IPv6, or of IPv4 (in the first 4 bytes of addresses). */
export function transportChecksum(
  source: Uint8Array,
  destination: Uint8Array,
  protocol: number,
  bytes: Uint8Array,
): number {
  return checksum(concat(source, destination, be16(0, bytes.length, 0, protocol), bytes));
}

/** The Internet checksum over an ICMPv6 message and its pseudo header; 0 when right. */
export function icmpv6Checksum(frame: Uint8Array): number {
  return transportChecksum(frame.subarray(22, 38), frame.subarray(38, 54), 58, frame.subarray(54));
}

/** The checksum of an IPv4 header in a frame; 0 when right. */
export function ipv4Checksum(frame: Uint8Array): number {
  return checksum(frame.subarray(14, 34));
}

/** The checksum of a TCP segment with its pseudo header, in a frame without options or extension headers; 0 when right. */
export function tcpChecksum(frame: Uint8Array): number {
  const isIpv6 = frame[12] === 0x86;
  const addresses = isIpv6 ? frame.subarray(22, 54) : frame.subarray(26, 34);
  const segment = frame.subarray(isIpv6 ? 54 : 34);
  return checksum(concat(addresses, be16(0, 6, 0, segment.length), segment));
}
