import { formatIp, ipBytes } from "#agent/netlink/ip.ts";
import { macBytes } from "#agent/netlink/mac.ts";

const ETH_P_IP = 0x0800;
const ETH_P_IPV6 = 0x86dd;
/** Bytes of an Ethernet header. */
const ETHERNET = 14;
const HOPS = 64;
const DONT_FRAGMENT = 0x4000;

/** The flags of a TCP header, RFC 9293 section 3.1. */
export const TcpFlagBit = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32, ECE: 64, CWR: 128 } as const;
export type TcpFlagName = keyof typeof TcpFlagBit;

/** A transport header without data. Ports in host order; an echo's identifier is its source port. */
export type Segment =
  | { readonly protocol: "TCP"; readonly sourcePort: number; readonly destinationPort: number; readonly flags: number }
  | { readonly protocol: "UDP" | "SCTP"; readonly sourcePort: number; readonly destinationPort: number }
  | { readonly protocol: "ICMP" | "ICMPv6"; readonly type: number; readonly identifier: number };

export interface FrameSpec {
  readonly sourceMac: string;
  readonly destinationMac: string;
  readonly source: string;
  readonly destination: string;
  readonly segment: Segment;
}

const protocolNumbers = { TCP: 6, UDP: 17, SCTP: 132, ICMP: 1, ICMPv6: 58 } as const;

/** An Ethernet frame with one IP packet, all checksums right. */
export function buildFrame({ sourceMac, destinationMac, segment, ...ends }: FrameSpec): Uint8Array {
  const source = ipBytes(ends.source);
  const destination = ipBytes(ends.destination);
  const protocol = protocolNumbers[segment.protocol];
  const bytes = transport(segment, source, destination, protocol);
  const isIpv6 = source.length === 16;
  return Buffer.concat([
    macBytes(destinationMac),
    macBytes(sourceMac),
    word(isIpv6 ? ETH_P_IPV6 : ETH_P_IP),
    isIpv6
      ? Uint8Array.of(0x60, 0, 0, 0, 0, bytes.length, protocol, HOPS)
      : ipv4(bytes.length, protocol, source, destination),
    ...(isIpv6 ? [source, destination] : []),
    bytes,
  ]);
}

/** What a router makes of a frame: one hop less, other MAC addresses. Null where it was the last hop. */
export function forwardFrame(frame: Uint8Array, sourceMac: string, destinationMac: string): Uint8Array | null {
  const next = Uint8Array.from(frame);
  next.set(macBytes(destinationMac), 0);
  next.set(macBytes(sourceMac), 6);
  const view = new DataView(next.buffer);
  const isIpv6 = view.getUint16(12) === ETH_P_IPV6;
  const at = ETHERNET + (isIpv6 ? 7 : 8);
  const hops = view.getUint8(at);
  if (hops <= 1) return null;
  view.setUint8(at, hops - 1);
  if (!isIpv6) {
    view.setUint16(ETHERNET + 10, 0);
    view.setUint16(ETHERNET + 10, checksum(next.subarray(ETHERNET, ETHERNET + 20)));
  }
  return next;
}

/** What a frame without IP options or extension headers is about; an echo's identifier is both ports. */
export interface FrameEnds {
  readonly family: 4 | 6;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly protocol: number;
}

/** Reads what {@link buildFrame} has written, and programs have changed. */
export function readFrame(frame: Uint8Array): FrameEnds {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const family = view.getUint16(12) === ETH_P_IPV6 ? 6 : 4;
  const [at, size] = family === 6 ? [ETHERNET + 8, 16] : [ETHERNET + 12, 4];
  const protocol = view.getUint8(family === 6 ? ETHERNET + 6 : ETHERNET + 9);
  const l4 = at + 2 * size;
  const isIcmp = protocol === protocolNumbers.ICMP || protocol === protocolNumbers.ICMPv6;
  const [sourcePort, destinationPort] = isIcmp
    ? [view.getUint16(l4 + 4), view.getUint16(l4 + 4)]
    : [view.getUint16(l4), view.getUint16(l4 + 2)];
  return {
    family,
    source: formatIp(frame.subarray(at, at + size)),
    destination: formatIp(frame.subarray(at + size, l4)),
    sourcePort,
    destinationPort,
    protocol,
  };
}

function transport(segment: Segment, source: Uint8Array, destination: Uint8Array, protocol: number): Uint8Array {
  switch (segment.protocol) {
    case "TCP": {
      const tcp = header(20, segment);
      tcp.setUint8(12, (tcp.byteLength / 4) << 4);
      tcp.setUint8(13, segment.flags);
      return summed(tcp, 16, pseudo(source, destination, protocol, tcp.byteLength));
    }
    case "UDP": {
      const udp = header(8, segment);
      udp.setUint16(4, udp.byteLength);
      // RFC 768: one that is zero would say that there is none.
      return summed(udp, 6, pseudo(source, destination, protocol, udp.byteLength), 0xffff);
    }
    case "SCTP": {
      // RFC 9260 section 3.3.2: INIT, with one stream each way and a tag that is not 0.
      const sctp = header(12 + 20, segment);
      sctp.setUint8(12, 1);
      sctp.setUint16(14, 20);
      sctp.setUint32(16, 1);
      sctp.setUint32(20, 65_535);
      sctp.setUint16(24, 1);
      sctp.setUint16(26, 1);
      sctp.setUint32(28, 1);
      sctp.setUint32(8, crc32c(bytesOf(sctp)), true);
      return bytesOf(sctp);
    }
    case "ICMP":
    case "ICMPv6": {
      const icmp = new DataView(new ArrayBuffer(8));
      icmp.setUint8(0, segment.type);
      icmp.setUint16(4, segment.identifier);
      icmp.setUint16(6, 1);
      const before = segment.protocol === "ICMP" ? [] : pseudo(source, destination, protocol, icmp.byteLength);
      return summed(icmp, 2, before);
    }
  }
}

function header(
  size: number,
  { sourcePort, destinationPort }: { sourcePort: number; destinationPort: number },
): DataView {
  const view = new DataView(new ArrayBuffer(size));
  view.setUint16(0, sourcePort);
  view.setUint16(2, destinationPort);
  return view;
}

/** Of IPv6 (RFC 8200 section 8.1); that of IPv4 has the same sum. */
function pseudo(source: Uint8Array, destination: Uint8Array, protocol: number, length: number): Uint8Array[] {
  return [source, destination, Uint8Array.of(0, protocol), word(length)];
}

/** Puts the checksum in its place. @param zero what stands for a sum of zero. */
function summed(view: DataView, at: number, before: readonly Uint8Array[], zero = 0): Uint8Array {
  view.setUint16(at, checksum(Buffer.concat([...before, bytesOf(view)])) || zero);
  return bytesOf(view);
}

function ipv4(length: number, protocol: number, source: Uint8Array, destination: Uint8Array): Uint8Array {
  const ip = new DataView(new ArrayBuffer(20));
  ip.setUint8(0, 0x45);
  ip.setUint16(2, ip.byteLength + length);
  ip.setUint16(6, DONT_FRAGMENT);
  ip.setUint8(8, HOPS);
  ip.setUint8(9, protocol);
  bytesOf(ip).set(source, 12);
  bytesOf(ip).set(destination, 16);
  return summed(ip, 10, []);
}

function word(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 255);
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer);
}

/** RFC 1071, of an even number of bytes. */
function checksum(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** RFC 9260 appendix A. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f6_3b78 : 0);
  }
  return ~crc >>> 0;
}
