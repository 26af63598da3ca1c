import type { NetworkNamespace } from "#agent/local/network-namespace.ts";
import { libc } from "#agent/net/libc.ts";
import { withNetns } from "#agent/net/netns.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_RAW = 3;

/** Gets a copy of what the stack of a network namespace receives of one IP protocol: raw(7). */
export class RawSocket implements Disposable {
  readonly #fd: number;
  readonly #family: 4 | 6;

  private constructor(fd: number, family: 4 | 6) {
    this.#fd = fd;
    this.#family = family;
  }

  static open(namespace: NetworkNamespace, family: 4 | 6, protocol: number): RawSocket {
    const fd = withNetns(namespace.path, () => libc().socket(family === 4 ? AF_INET : AF_INET6, SOCK_RAW, protocol));
    if (fd < 0) throw new Error(`open raw socket of protocol ${protocol}: ${fd}`);
    return new RawSocket(fd, family);
  }

  /** What has come since the last call, without IP headers. */
  receive(): Uint8Array[] {
    const payloads: Uint8Array[] = [];
    const buffer = new Uint8Array(2048);
    for (;;) {
      const length = libc().receive(this.#fd, buffer);
      if (length < 0) return payloads;
      // IPv6 gives none anyway.
      const header = this.#family === 4 ? ((buffer[0] as number) & 15) * 4 : 0;
      payloads.push(buffer.slice(header, length));
    }
  }

  [Symbol.dispose](): void {
    libc().close(this.#fd);
  }
}
