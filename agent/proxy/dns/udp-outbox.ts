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
const HOP_LIMIT = 64;
const MORE_FRAGMENTS = 0x2000;
/** Every link that IPv6 runs on takes packets of this length (RFC 8200, section 5). */
const FRAGMENT_MTU = 1280;

/**
 * Sends datagrams from any address and port, as packets of its own making: nothing is bound, so that nobody's socket
 * on the node is in the way who serves DNS there, and nothing is received that is somebody else's.
 */
export class UdpOutbox implements Disposable {
  readonly #sockets: Readonly<Record<typeof AF_INET | typeof AF_INET6, number>>;

  /** @throws NetError `socket`. */
  constructor() {
    this.#sockets = { [AF_INET]: openRaw(AF_INET), [AF_INET6]: openRaw(AF_INET6) };
  }

  /** False: the kernel did not take it, e.g. because there is no way to the receiver. */
  send(bytes: Uint8Array, from: SocketAddress, to: SocketAddress): boolean {
    const datagram = encodeDatagram(bytes, from, to);
    const whole = this.#sendPacket(encodePacket(datagram, from, to), to);
    if (whole !== -constants.errno.EMSGSIZE) return whole >= 0;
    return encodeFragments(datagram, from, to).every((packet) => this.#sendPacket(packet, to) >= 0);
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
function encodeDatagram(bytes: Uint8Array, from: SocketAddress, to: SocketAddress): Buffer {
  const datagram = Buffer.alloc(UDP_BYTES + bytes.length);
  datagram.writeUInt16BE(from.port, 0);
  datagram.writeUInt16BE(to.port, 2);
  datagram.writeUInt16BE(datagram.length, 4);
  datagram.set(bytes, UDP_BYTES);
  const addresses = sumOf(from.ip) + sumOf(to.ip);
  const sum = fold(addresses + IPPROTO_UDP + datagram.length + sumOf(datagram));
  // Zero would say that there is none.
  datagram.writeUInt16BE(sum === 0xffff ? 0xffff : ~sum & 0xffff, 6);
  return datagram;
}

function encodePacket(datagram: Buffer, from: SocketAddress, to: SocketAddress): Buffer {
  return to.family === AF_INET ? ipv4Packet(datagram, from, to, 0, 0) : ipv6Packet(datagram, from, to, IPPROTO_UDP);
}

/** The datagram in pieces that every link takes. */
function encodeFragments(datagram: Buffer, from: SocketAddress, to: SocketAddress): Buffer[] {
  const isIpv4 = to.family === AF_INET;
  // Offsets are counted in units of 8 bytes.
  const most = (FRAGMENT_MTU - (isIpv4 ? 20 : 48)) & ~7;
  const identification = isIpv4 ? randomInt(1, 0x10000) : randomInt(1, 0x100000000);
  const packets: Buffer[] = [];
  for (let offset = 0; offset < datagram.length; offset += most) {
    const piece = datagram.subarray(offset, offset + most);
    const isLast = offset + most >= datagram.length;
    if (isIpv4) {
      packets.push(ipv4Packet(piece, from, to, identification, (offset >> 3) | (isLast ? 0 : MORE_FRAGMENTS)));
    } else {
      const header = Buffer.alloc(8);
      header[0] = IPPROTO_UDP;
      header.writeUInt16BE(offset | (isLast ? 0 : 1), 2);
      header.writeUInt32BE(identification, 4);
      packets.push(ipv6Packet(Buffer.concat([header, piece]), from, to, IPV6_FRAGMENT));
    }
  }
  return packets;
}

/** Length and checksum of the header are the kernel's work (raw(7)), as is an identification of zero. */
function ipv4Packet(
  payload: Buffer,
  from: SocketAddress,
  to: SocketAddress,
  identification: number,
  fragment: number,
): Buffer {
  const packet = Buffer.alloc(20 + payload.length);
  packet[0] = 0x45;
  packet.writeUInt16BE(packet.length, 2);
  packet.writeUInt16BE(identification, 4);
  packet.writeUInt16BE(fragment, 6);
  packet[8] = HOP_LIMIT;
  packet[9] = IPPROTO_UDP;
  packet.set(from.ip, 12);
  packet.set(to.ip, 16);
  packet.set(payload, 20);
  return packet;
}

function ipv6Packet(payload: Buffer, from: SocketAddress, to: SocketAddress, next: number): Buffer {
  const packet = Buffer.alloc(40 + payload.length);
  packet[0] = 0x60;
  packet.writeUInt16BE(payload.length, 4);
  packet[6] = next;
  packet[7] = HOP_LIMIT;
  packet.set(from.ip, 8);
  packet.set(to.ip, 24);
  packet.set(payload, 40);
  return packet;
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
