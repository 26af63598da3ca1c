import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { errnoName, libc } from "#agent/net/libc.ts";
import { withNetns } from "#agent/net/netns.ts";
import { SocketAddress } from "#agent/proxy/dns/socket-address.ts";
import type { NetworkNamespace } from "./network-namespace.ts";

/** Address and port. */
export type Party = Pick<SocketAddress, "address" | "port">;

export interface ReceivedDatagram {
  readonly bytes: Buffer;
  readonly from: Party;
}

/** A UDP socket of this process in a network namespace. */
export class DatagramSocket implements Disposable {
  readonly #socket: Socket;
  readonly #received: ReceivedDatagram[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (bytes, { address, port }) => this.#received.push({ bytes, from: { address, port } }));
    // ICMP errors, of which tests learn otherwise.
    socket.on("error", () => undefined);
  }

  /** @param port 0: any. */
  static open(namespace: NetworkNamespace, address: string, port = 0): DatagramSocket {
    const isIpv6 = address.includes(":");
    const fd = withNetns(namespace.path, () => {
      const opened = libc().socket(isIpv6 ? 10 : 2, 2 | 0o4000 | 0o2000000, 0);
      const bound = libc().bind(opened, SocketAddress.of(address, port).structure);
      if (bound < 0) throw new Error(`bind to ${address} port ${port}: ${errnoName(bound)}`);
      return opened;
    });
    const socket = createSocket(isIpv6 ? "udp6" : "udp4");
    socket.bind({ fd });
    return new DatagramSocket(socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** What has come and was not asked for. */
  get waiting(): number {
    return this.#received.length;
  }

  send(bytes: Buffer, { address, port }: Party): void {
    this.#socket.send(bytes, port, address);
  }

  async next(): Promise<ReceivedDatagram> {
    for (;;) {
      const first = this.#received.shift();
      if (first) return first;
      await once(this.#socket, "message");
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
