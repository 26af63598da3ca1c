import { constants } from "node:os";

import { NetError } from "#agent/net/error.ts";
import { errnoName } from "#agent/net/libc.ts";
import { addressOf, datagramCalls } from "./native.ts";
import { type SocketAddress, SocketAddresses } from "./socket-address.ts";

const SOL_IP = 0;
const IP_RECVORIGDSTADDR = 20;
const SOL_IPV6 = 41;
const IPV6_RECVORIGDSTADDR = 74;

/** Datagrams that are taken by one system call. */
const BATCH = 64;
/** The longest query: far more than any that a resolver of ours would take. */
const LONGEST = 4096;
const NAME_BYTES = 32;
const CONTROL_BYTES = 64;
/** Offsets in `struct mmsghdr` of a 64-bit machine. */
const HEADER = {
  name: 0,
  nameLength: 8,
  vector: 16,
  vectorLength: 24,
  control: 32,
  controlLength: 40,
  flags: 48,
  length: 56,
  bytes: 64,
};
const MSG_TRUNC = 0x20;

/** Errors after which the socket is as good as before; others' ICMP messages come as the last one. */
const { EAGAIN, EINTR, ECONNREFUSED } = constants.errno;
const passing: ReadonlySet<number> = new Set([EAGAIN, EINTR, ECONNREFUSED]);

/** A datagram that somebody has sent, with where it was sent to. Its bytes are overwritten by the next batch. */
export interface Datagram {
  readonly bytes: Buffer;
  readonly from: SocketAddress;
  readonly to: SocketAddress;
}

/** Takes datagrams from a listener that are on their way to any address. */
export class UdpInbox {
  readonly #fd: number;
  readonly #addresses = new SocketAddresses();
  readonly #payloads = Buffer.alloc(BATCH * LONGEST);
  readonly #names = Buffer.alloc(BATCH * NAME_BYTES);
  readonly #controls = Buffer.alloc(BATCH * CONTROL_BYTES);
  readonly #vectors = Buffer.alloc(BATCH * 16);
  readonly #headers = Buffer.alloc(BATCH * HEADER.bytes);
  /** The kernel writes lengths into the headers: they are set anew each time. */
  readonly #fresh = Buffer.alloc(BATCH * HEADER.bytes);

  /** @param fd of a bound UDP socket that tells where datagrams were sent to (`IP_RECVORIGDSTADDR`); it stays the caller's. */
  constructor(fd: number) {
    this.#fd = fd;
    for (let i = 0; i < BATCH; i++) this.#describe(i);
  }

  #describe(i: number): void {
    const at = i * HEADER.bytes;
    this.#vectors.writeBigUInt64LE(addressOf(this.#payloads) + BigInt(i * LONGEST), i * 16);
    this.#vectors.writeBigUInt64LE(BigInt(LONGEST), i * 16 + 8);
    this.#fresh.writeBigUInt64LE(addressOf(this.#names) + BigInt(i * NAME_BYTES), at + HEADER.name);
    this.#fresh.writeUInt32LE(NAME_BYTES, at + HEADER.nameLength);
    this.#fresh.writeBigUInt64LE(addressOf(this.#vectors) + BigInt(i * 16), at + HEADER.vector);
    this.#fresh.writeBigUInt64LE(1n, at + HEADER.vectorLength);
    this.#fresh.writeBigUInt64LE(addressOf(this.#controls) + BigInt(i * CONTROL_BYTES), at + HEADER.control);
    this.#fresh.writeBigUInt64LE(BigInt(CONTROL_BYTES), at + HEADER.controlLength);
  }

  /**
   * What has come, one batch at most; those that are too long are left out.
   * @throws NetError `socket`.
   */
  *receive(): Generator<Datagram, void> {
    this.#fresh.copy(this.#headers);
    const count = datagramCalls().receiveMany(this.#fd, this.#headers, BATCH);
    if (count < 0) {
      if (passing.has(-count)) return;
      throw new NetError("socket", `receive datagrams: ${errnoName(count)}`);
    }
    for (let i = 0; i < count; i++) {
      const at = i * HEADER.bytes;
      if (this.#headers.readUInt32LE(at + HEADER.flags) & MSG_TRUNC) continue;
      const from = this.#addresses.read(this.#names, i * NAME_BYTES);
      const to = this.#destination(i, this.#headers.readUInt32LE(at + HEADER.controlLength));
      const length = this.#headers.readUInt32LE(at + HEADER.length);
      if (from && to) yield { bytes: this.#payloads.subarray(i * LONGEST, i * LONGEST + length), from, to };
    }
  }

  /** The one control message that was asked for: `struct cmsghdr` of 16 bytes, and an address. */
  #destination(i: number, length: number): SocketAddress | null {
    const at = i * CONTROL_BYTES;
    if (length < 32) return null;
    const level = this.#controls.readInt32LE(at + 8);
    const type = this.#controls.readInt32LE(at + 12);
    const isAsked =
      (level === SOL_IP && type === IP_RECVORIGDSTADDR) || (level === SOL_IPV6 && type === IPV6_RECVORIGDSTADDR);
    return isAsked ? this.#addresses.read(this.#controls, at + 16) : null;
  }
}
