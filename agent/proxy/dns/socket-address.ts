import { formatIp, ipBytes } from "#agent/netlink/ip.ts";

export const AF_INET = 2;
export const AF_INET6 = 10;

/** Bytes of `struct sockaddr_in` and `struct sockaddr_in6`, and where the address stands in them. */
const LAYOUT = {
  [AF_INET]: { bytes: 16, address: 4, end: 8 },
  [AF_INET6]: { bytes: 28, address: 8, end: 24 },
} as const;

/** Address and port (in host order), as text and as the kernel takes them. */
export class SocketAddress {
  readonly family: typeof AF_INET | typeof AF_INET6;
  /** Canonical. */
  readonly address: string;
  readonly port: number;
  /** `struct sockaddr_in` or `struct sockaddr_in6`: the family in the machine's order, which is little endian on all that we run on. */
  readonly structure: Buffer;
  /** The 4 or 16 bytes of the address. */
  readonly ip: Buffer;

  private constructor(structure: Buffer) {
    this.structure = structure;
    this.family = structure.readUInt16LE(0) === AF_INET ? AF_INET : AF_INET6;
    this.port = structure.readUInt16BE(2);
    const { address, end } = LAYOUT[this.family];
    this.ip = structure.subarray(address, end);
    this.address = formatIp(this.ip);
  }

  static of(address: string, port: number): SocketAddress {
    const family = address.includes(":") ? AF_INET6 : AF_INET;
    const layout = LAYOUT[family];
    const structure = Buffer.alloc(layout.bytes);
    structure.writeUInt16LE(family, 0);
    structure.writeUInt16BE(port, 2);
    structure.set(ipBytes(address), layout.address);
    return new SocketAddress(structure);
  }

  /** From a structure in somebody else's memory; null: of another family. */
  static read(bytes: Buffer, offset: number): SocketAddress | null {
    const family = bytes.readUInt16LE(offset);
    if (family !== AF_INET && family !== AF_INET6) return null;
    const structure = Buffer.alloc(LAYOUT[family].bytes);
    bytes.copy(structure, 0, offset, offset + LAYOUT[family].end);
    return new SocketAddress(structure);
  }

  /** The same address with another port. */
  withPort(port: number): SocketAddress {
    const structure = Buffer.from(this.structure);
    structure.writeUInt16BE(port, 2);
    return new SocketAddress(structure);
  }
}

/** Addresses that are remembered. */
const MOST = 4096;

/** Remembers addresses that come again and again, so that each has a text only once. */
export class SocketAddresses {
  readonly #known = new Map<string, SocketAddress>();

  /** From a structure in somebody else's memory; null: of another family. */
  read(bytes: Buffer, offset: number): SocketAddress | null {
    const family = bytes.readUInt16LE(offset);
    if (family !== AF_INET && family !== AF_INET6) return null;
    const key = bytes.toString("latin1", offset, offset + LAYOUT[family].end);
    const known = this.#known.get(key);
    if (known) return known;
    const read = SocketAddress.read(bytes, offset);
    if (this.#known.size >= MOST) this.#known.clear();
    if (read) this.#known.set(key, read);
    return read;
  }
}
