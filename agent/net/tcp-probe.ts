import { ipBytes } from "#agent/netlink/ip.ts";
import { macBytes } from "#agent/netlink/mac.ts";

const ETH_P_IP = 0x0800;
const ETH_P_IPV6 = 0x86dd;
const IPPROTO_TCP = 6;
const ACK = 0x10;

/** One way of a connection. Ports in host order. */
export interface ProbeTarget {
  readonly sourceMac: string;
  readonly destinationMac: string;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/**
 * A TCP segment without data that no window takes (but one in thousands, to which the answer is the same): whoever
 * has the connection answers it with an acknowledgement of what it really has (RFC 9293 sections 3.8.4 and 3.10.7.4).
 */
export function tcpProbe(target: ProbeTarget): Uint8Array {
  const source = ipBytes(target.source);
  const destination = ipBytes(target.destination);
  const tcp = new DataView(new ArrayBuffer(20));
  tcp.setUint16(0, target.sourcePort);
  tcp.setUint16(2, target.destinationPort);
  tcp.setUint8(12, (tcp.byteLength / 4) << 4);
  tcp.setUint8(13, ACK);
  const segment = new Uint8Array(tcp.buffer);
  const pseudo = Buffer.concat([source, destination, Uint8Array.of(0, IPPROTO_TCP, 0, segment.length)]);
  tcp.setUint16(16, checksum(Buffer.concat([pseudo, segment])));
  const isIpv6 = source.length === 16;
  const type = isIpv6 ? ETH_P_IPV6 : ETH_P_IP;
  return Buffer.concat([
    macBytes(target.destinationMac),
    macBytes(target.sourceMac),
    Uint8Array.of(type >> 8, type & 255),
    isIpv6 ? ipv6Header(segment.length) : ipv4Header(segment.length, source, destination),
    ...(isIpv6 ? [source, destination] : []),
    segment,
  ]);
}

function ipv4Header(length: number, source: Uint8Array, destination: Uint8Array): Uint8Array {
  const header = new DataView(new ArrayBuffer(20));
  header.setUint8(0, 0x45);
  header.setUint16(2, header.byteLength + length);
  header.setUint16(6, 0x4000);
  header.setUint8(8, 64);
  header.setUint8(9, IPPROTO_TCP);
  const bytes = new Uint8Array(header.buffer);
  bytes.set(source, 12);
  bytes.set(destination, 16);
  header.setUint16(10, checksum(bytes));
  return bytes;
}

/** Without its addresses. */
function ipv6Header(length: number): Uint8Array {
  return Uint8Array.of(0x60, 0, 0, 0, 0, length, IPPROTO_TCP, 64);
}

/** RFC 1071, of an even number of bytes. */
function checksum(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
