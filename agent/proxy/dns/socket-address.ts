import { formatIp, ipBytes } from "#agent/netlink/ip.ts";

export const AF_INET = 2;
export const AF_INET6 = 10;

const BYTES = { [AF_INET]: 16, [AF_INET6]: 28 } as const;

/** Address and port, in host order. */
export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

export function familyOf(address: string): typeof AF_INET | typeof AF_INET6 {
  return address.includes(":") ? AF_INET6 : AF_INET;
}

/** As `struct sockaddr_in` or `struct sockaddr_in6`: the family in the machine's order, which is little endian on all that we run on. */
export function encodeSocketAddress({ address, port }: SocketAddress): Buffer {
  const family = familyOf(address);
  const bytes = Buffer.alloc(BYTES[family]);
  bytes.writeUInt16LE(family, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(ipBytes(address), family === AF_INET ? 4 : 8);
  return bytes;
}

/** Null: of another family. */
export function decodeSocketAddress(bytes: Buffer, offset: number): SocketAddress | null {
  const family = bytes.readUInt16LE(offset);
  const port = bytes.readUInt16BE(offset + 2);
  if (family === AF_INET) {
    const at = offset + 4;
    return { address: `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`, port };
  }
  if (family !== AF_INET6) return null;
  return { address: formatIp(bytes.subarray(offset + 8, offset + 24)), port };
}
