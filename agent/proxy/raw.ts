import type { Socket } from "node:net";
import type { ProxiedConnection } from "./proxied-connection.ts";
import { isPlain } from "./protocol.ts";

/** A socket of a relayed connection knows the relay: so idle ones have no functions of their own. */
const RELAY = Symbol("relay");

interface RelayedSocket extends Socket {
  [RELAY]?: Relay;
}

class Relay {
  readonly done: Promise<void>;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #mayGoOn: () => boolean;
  readonly #resolve: () => void;
  #open = 2;

  constructor(client: Socket, server: Socket, mayGoOn: () => boolean) {
    this.#client = client;
    this.#server = server;
    this.#mayGoOn = mayGoOn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    this.#resolve = resolve;
    for (const socket of [client, server] as RelayedSocket[]) {
      socket[RELAY] = this;
      if (socket.destroyed) {
        this.closed(socket);
        continue;
      }
      socket.on("data", forward).on("drain", goOn).on("end", passEnd).once("close", passClose).resume();
      if (socket.readableEnded) this.otherOf(socket).end();
    }
  }

  otherOf(socket: Socket): Socket {
    return socket === this.#client ? this.#server : this.#client;
  }

  forward(from: Socket, chunk: Buffer): void {
    if (!this.#mayGoOn()) {
      this.#client.resetAndDestroy();
      this.#server.resetAndDestroy();
    } else if (!this.otherOf(from).write(chunk)) from.pause();
  }

  /** One side has ended both ways, or has broken off: then the other is broken off, too. */
  closed(socket: Socket): void {
    const other = this.otherOf(socket);
    const isWhole = socket.readableEnded && socket.writableFinished;
    if (!isWhole && !other.destroyed) other.resetAndDestroy();
    if (--this.#open === 0) this.#resolve();
  }
}

function forward(this: RelayedSocket, chunk: Buffer): void {
  this[RELAY]?.forward(this, chunk);
}

function goOn(this: RelayedSocket): void {
  this[RELAY]?.otherOf(this).resume();
}

function passEnd(this: RelayedSocket): void {
  this[RELAY]?.otherOf(this).end();
}

function passClose(this: RelayedSocket): void {
  this[RELAY]?.closed(this);
}

/**
 * Passes everything on as it comes, as fast as the other side takes it, as long as every end of policy lets everything pass:
 * what cannot be read cannot be judged, once a rule asks.
 *
 * @param head what the client sent before it ended, which could not be put back.
 */
export async function serveRaw(connection: ProxiedConnection, head: Buffer | null): Promise<void> {
  const { client } = connection;
  const server = await connection.connect();
  if (head) server.write(head);
  await new Relay(client, server, () => {
    const current = connection.rules();
    return current !== null && isPlain(current.ends);
  }).done;
}
