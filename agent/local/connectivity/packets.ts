import { ipBytes } from "#agent/netlink/ip.ts";
import type { Family } from "./scenario.ts";

export const icmpProtocol: Readonly<Record<Family, number>> = { 4: 1, 6: 58 };
export const echoRequestType: Readonly<Record<Family, number>> = { 4: 8, 6: 128 };
export const echoReplyType: Readonly<Record<Family, number>> = { 4: 0, 6: 129 };

/** An ICMP echo request. Of ICMPv6 the kernel writes the checksum. */
export function echoRequest(family: Family, id: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, echoRequestType[family]);
  view.setUint16(4, id);
  if (family === 4) view.setUint16(2, internetChecksum(view));
  return bytes;
}

/** RFC 1071, over an even number of bytes. */
function internetChecksum(view: DataView): number {
  let sum = 0;
  for (let at = 0; at < view.byteLength; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** The chunk by which an SCTP association begins: RFC 9260, section 3.3.2. Its CRC is left out: no end is to answer. */
export function sctpInit(source: number, destination: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(32));
  view.setUint16(0, source);
  view.setUint16(2, destination);
  view.setUint8(12, 1);
  view.setUint16(14, 20);
  view.setUint32(16, 1);
  view.setUint32(20, 65_536);
  view.setUint16(24, 1);
  view.setUint16(26, 1);
  return new Uint8Array(view.buffer);
}

/** A TCP header with ACK alone, as in the midst of a connection; its checksum is wrong: no stack is to answer. */
export function tcpAck(source: number, destination: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(20));
  view.setUint16(0, source);
  view.setUint16(2, destination);
  view.setUint32(4, 1);
  view.setUint32(8, 1);
  view.setUint8(12, 5 << 4);
  view.setUint8(13, 0x10);
  view.setUint16(14, 1024);
  return new Uint8Array(view.buffer);
}

/** A UDP datagram with its IP header, whoever is said to send it. The kernel writes checksum and length of an IPv4 header. */
export function datagramFrom(source: string, destination: string, sport: number, dport: number): Uint8Array {
  const isIpv6 = source.includes(":");
  const start = isIpv6 ? 40 : 20;
  const bytes = new Uint8Array(start + 8);
  const view = new DataView(bytes.buffer);
  if (isIpv6) {
    view.setUint8(0, 0x60);
    view.setUint16(4, 8);
    view.setUint8(6, 17);
    view.setUint8(7, 64);
  } else {
    view.setUint8(0, 0x45);
    view.setUint16(2, bytes.length);
    view.setUint8(8, 64);
    view.setUint8(9, 17);
  }
  bytes.set(ipBytes(source), isIpv6 ? 8 : 12);
  bytes.set(ipBytes(destination), isIpv6 ? 24 : 16);
  view.setUint16(start, sport);
  view.setUint16(start + 2, dport);
  view.setUint16(start + 4, 8);
  return bytes;
}
