import { libc, errnoName } from "#agent/net/libc.ts";
import { withNetns } from "#agent/net/netns.ts";
import { ipBytes } from "#agent/netlink/ip.ts";
import { LabError } from "#agent/local/errors.ts";
import type { Family } from "./scenario.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_RAW = 3;

/** The protocol by which the sender makes the IP header, too: raw(7). */
export const withHeader = 255;

/** Sends what no ordinary socket sends, by the stack of a network namespace, and hears of one IP protocol: raw(7). */
export class IpSocket implements Disposable {
  readonly #fd: number;
  readonly #family: Family;

  private constructor(fd: number, family: Family) {
    this.#fd = fd;
    this.#family = family;
  }

  /** @param protocol its number, or {@link withHeader}. */
  static open(namespace: { readonly path: string }, family: Family, protocol: number): IpSocket {
    const domain = family === 4 ? AF_INET : AF_INET6;
    const fd = withNetns(namespace.path, () => libc().socket(domain, SOCK_RAW, protocol));
    if (fd < 0) throw new LabError("command-failed", `open raw socket of protocol ${protocol}: ${errnoName(fd)}`);
    return new IpSocket(fd, family);
  }

  send(address: string, bytes: Uint8Array): void {
    const sent = libc().sendTo(this.#fd, bytes, socketAddress(this.#family, address));
    if (sent < 0) throw new LabError("command-failed", `send packet to ${address}: ${errnoName(sent)}`);
  }

  /** What has come since the last call, without IP headers. */
  receive(): Uint8Array[] {
    const payloads: Uint8Array[] = [];
    const buffer = new Uint8Array(2048);
    for (;;) {
      const length = libc().receive(this.#fd, buffer);
      if (length < 0) return payloads;
      // Of IPv6 the kernel gives none.
      const header = this.#family === 4 ? ((buffer[0] ?? 0) & 15) * 4 : 0;
      payloads.push(buffer.slice(header, length));
    }
  }

  [Symbol.dispose](): void {
    libc().close(this.#fd);
  }
}

/** struct sockaddr_in, struct sockaddr_in6: the family in the machine's order, no port. */
function socketAddress(family: Family, address: string): Uint8Array {
  const bytes = new Uint8Array(family === 4 ? 16 : 28);
  new DataView(bytes.buffer).setUint16(0, family === 4 ? AF_INET : AF_INET6, true);
  bytes.set(ipBytes(address), family === 4 ? 4 : 8);
  return bytes;
}
