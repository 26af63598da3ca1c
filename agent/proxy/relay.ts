import type { Socket } from "node:net";

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
      socket.allowHalfOpen = true;
      socket.on("error", ignore);
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
 * Passes on whatever either side of a connection sends, as fast as the other takes it, until both have
 * ended. A side that ends is told to the other, which may go on; one that breaks off breaks off the other.
 * There are many of these at a time: each holds little more than its two sockets.
 *
 * @param idleTimeout ms without a byte in either direction after which both break off.
 * @param mayGoOn asked before anything is passed on; both break off where it says no.
 */
export async function relay(
  client: Socket,
  server: Socket,
  idleTimeout: number,
  mayGoOn: () => boolean = always,
): Promise<void> {
  client.setTimeout(idleTimeout, breakOff);
  await new Relay(client, server, mayGoOn).done;
}

/** What follows from an error is done on `close`. */
export function ignore(): void {}

function always(): boolean {
  return true;
}

function breakOff(this: Socket): void {
  this.resetAndDestroy();
}
