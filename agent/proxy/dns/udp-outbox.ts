import { constants } from "node:os";
import { randomInt } from "node:crypto";

import { ProxyMark } from "#agent/datapath/layouts.gen.ts";
import { NetError } from "#agent/net/error.ts";
import { errnoName, libc } from "#agent/net/libc.ts";
import { AF_INET, AF_INET6, type SocketAddress } from "./socket-address.ts";

const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
/** Of raw(7): whole packets are sent, and none is received. */
const IPPROTO_RAW = 255;
const IPPROTO_UDP = 17;
const IPV6_FRAGMENT = 44;
const SOL_SOCKET = 1;
const SO_MARK = 36;
const UDP_BYTES = 8;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const FRAGMENT_BYTES = 8;
/** What a packet's length field can say. */
const LONGEST = 65_535;
const HOP_LIMIT = 64;
const MORE_FRAGMENTS = 0x2000;
/** Every link that IPv6 runs on takes packets of this length (RFC 8200, section 5). */
const FRAGMENT_MTU = 1280;

/**
 * Sends datagrams from any address and port, as packets of its own making: nothing is bound, so that nobody's socket
 * on the node is in the way who serves DNS there, and nothing is received that is somebody else's.
 */
export class UdpOutbox implements Disposable {
  /** Of the packet that is being sent. */
  readonly #packet = Buffer.alloc(LONGEST);
  readonly #sockets: Readonly<Record<typeof AF_INET | typeof AF_INET6, number>>;

  /** @throws NetError `socket`. */
  constructor() {
    this.#sockets = { [AF_INET]: openRaw(AF_INET), [AF_INET6]: openRaw(AF_INET6) };
  }

  /** What the kernel does not take is lost, as datagrams may be: who has asked asks again. */
  send(bytes: Uint8Array, from: SocketAddress, to: SocketAddress): void {
    const header = to.family === AF_INET ? IPV4_BYTES : IPV6_BYTES;
    const length = UDP_BYTES + bytes.length;
    if (header + length > this.#packet.length) return;
    const datagram = this.#packet.subarray(header, header + length);
    writeDatagram(datagram, bytes, from, to);
    const packet = this.#packet.subarray(0, header + length);
    if (to.family === AF_INET) writeIpv4Header(packet, from, to, 0, 0);
    else writeIpv6Header(packet, from, to, IPPROTO_UDP);
    if (this.#sendPacket(packet, to) !== -constants.errno.EMSGSIZE) return;
    for (const fragment of encodeFragments(datagram, from, to)) this.#sendPacket(fragment, to);
  }

  #sendPacket(packet: Buffer, to: SocketAddress): number {
    // Where IPv6 has a port, raw sockets have a protocol.
    const { family, structure } = to.family === AF_INET ? to : to.withPort(0);
    return libc().sendTo(this.#sockets[family], packet, structure);
  }

  [Symbol.dispose](): void {
    for (const fd of Object.values(this.#sockets)) if (fd >= 0) libc().close(fd);
  }
}

function openRaw(family: number): number {
  const fd = libc().socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
  // A machine may be without IPv6: then nobody has asked by it.
  if (fd === -constants.errno.EAFNOSUPPORT && family === AF_INET6) return fd;
  if (fd < 0) throw new NetError("socket", `open socket for DNS answers: ${errnoName(fd)}`);
  const result = libc().setOption(fd, SOL_SOCKET, SO_MARK, ProxyMark.PROXY_TO_CLIENT);
  if (result >= 0) return fd;
  libc().close(fd);
  throw new NetError("socket", `set mark of DNS answers: ${errnoName(result)}`);
}

/** The UDP header and what follows it (RFC 768). */
function writeDatagram(datagram: Buffer, bytes: Uint8Array, from: SocketAddress, to: SocketAddress): void {
  datagram.writeUInt16BE(from.port, 0);
  datagram.writeUInt16BE(to.port, 2);
  datagram.writeUInt16BE(datagram.length, 4);
  datagram.writeUInt16BE(0, 6);
  datagram.set(bytes, UDP_BYTES);
  const sum = fold(sumOf(from.ip) + sumOf(to.ip) + IPPROTO_UDP + datagram.length + sumOf(datagram));
  // Zero would say that there is none.
  datagram.writeUInt16BE(sum === 0xffff ? 0xffff : ~sum & 0xffff, 6);
}

/** The datagram in pieces that every link takes. */
function encodeFragments(datagram: Buffer, from: SocketAddress, to: SocketAddress): Buffer[] {
  const isIpv4 = to.family === AF_INET;
  const header = isIpv4 ? IPV4_BYTES : IPV6_BYTES + FRAGMENT_BYTES;
  // Offsets are counted in units of 8 bytes.
  const most = (FRAGMENT_MTU - header) & ~7;
  const identification = isIpv4 ? randomInt(1, 0x10000) : randomInt(1, 0x100000000);
  const packets: Buffer[] = [];
  for (let offset = 0; offset < datagram.length; offset += most) {
    const piece = datagram.subarray(offset, offset + most);
    const isLast = offset + most >= datagram.length;
    const packet = Buffer.alloc(header + piece.length);
    packet.set(piece, header);
    if (isIpv4) {
      writeIpv4Header(packet, from, to, identification, (offset >> 3) | (isLast ? 0 : MORE_FRAGMENTS));
    } else {
      writeIpv6Header(packet, from, to, IPV6_FRAGMENT);
      packet.writeUInt16BE(IPPROTO_UDP << 8, IPV6_BYTES);
      packet.writeUInt16BE(offset | (isLast ? 0 : 1), IPV6_BYTES + 2);
      packet.writeUInt32BE(identification, IPV6_BYTES + 4);
    }
    packets.push(packet);
  }
  return packets;
}

/** The header's checksum is the kernel's work (raw(7)), as is an identification of zero. */
function writeIpv4Header(
  packet: Buffer,
  from: SocketAddress,
  to: SocketAddress,
  identification: number,
  fragment: number,
): void {
  packet.writeUInt16BE(0x4500, 0);
  packet.writeUInt16BE(packet.length, 2);
  packet.writeUInt16BE(identification, 4);
  packet.writeUInt16BE(fragment, 6);
  packet.writeUInt16BE((HOP_LIMIT << 8) | IPPROTO_UDP, 8);
  packet.writeUInt16BE(0, 10);
  packet.set(from.ip, 12);
  packet.set(to.ip, 16);
}

function writeIpv6Header(packet: Buffer, from: SocketAddress, to: SocketAddress, next: number): void {
  packet.writeUInt32BE(0x60000000, 0);
  packet.writeUInt16BE(packet.length - IPV6_BYTES, 4);
  packet.writeUInt16BE((next << 8) | HOP_LIMIT, 6);
  packet.set(from.ip, 8);
  packet.set(to.ip, 24);
}

/** Of 16-bit words in network order (RFC 1071), not folded. */
function sumOf(bytes: Uint8Array): number {
  let sum = 0;
  const even = bytes.length & ~1;
  for (let i = 0; i < even; i += 2) sum += ((bytes[i] as number) << 8) | (bytes[i + 1] as number);
  return even === bytes.length ? sum : sum + ((bytes[even] as number) << 8);
}

function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
}
