import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { afterAll, afterEach, beforeAll } from "vitest";

/** A connection to a server that says what a test wants. */
export class ServedConnection {
  readonly socket: Socket;
  /** In Latin-1. */
  received = "";
  isEnded = false;
  readonly #waiting = new Set<() => void>();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.received += bytes.toString("latin1");
      this.#wake();
    });
    socket.on("end", () => {
      this.isEnded = true;
      this.#wake();
    });
    socket.on("error", () => this.#wake());
    socket.on("close", () => {
      this.isEnded = true;
      this.#wake();
    });
  }

  send(text: string): void {
    this.socket.write(text, "latin1");
  }

  async until(condition: (received: string) => boolean): Promise<void> {
    while (!condition(this.received)) {
      if (this.isEnded) throw new Error(`ended after ${JSON.stringify(this.received)}`);
      await this.#next();
    }
  }

  async ended(): Promise<void> {
    while (!this.isEnded) await this.#next();
  }

  async #next(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    await promise;
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

/** A server whose bytes are the test's own. */
export class RawServer {
  readonly connections: ServedConnection[] = [];
  readonly #server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(new ServedConnection(socket)));
  readonly #waiting: ((connection: ServedConnection) => void)[] = [];
  readonly #unclaimed: ServedConnection[] = [];

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async start(): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.listen(0, "127.0.0.1", resolve);
    await promise;
    return this.port;
  }

  stop(): void {
    this.reset();
    this.#server.close();
  }

  reset(): void {
    for (const { socket } of this.connections.splice(0)) socket.destroy();
    this.#unclaimed.length = 0;
    this.#waiting.length = 0;
  }

  /** The next connection that comes, or has come and was not asked for. */
  async next(): Promise<ServedConnection> {
    const there = this.#unclaimed.shift();
    if (there) return there;
    const { promise, resolve } = Promise.withResolvers<ServedConnection>();
    this.#waiting.push(resolve);
    return promise;
  }

  #accept(connection: ServedConnection): void {
    this.connections.push(connection);
    const waiting = this.#waiting.shift();
    if (waiting) waiting(connection);
    else this.#unclaimed.push(connection);
  }
}

/** One such server for a file, whose connections end with each test. */
export function useRawServer(): { readonly server: RawServer; readonly port: () => Promise<number> } {
  const server = new RawServer();
  const started = Promise.withResolvers<number>();
  beforeAll(async () => started.resolve(await server.start()));
  afterEach(() => server.reset());
  afterAll(() => server.stop());
  return { server, port: async () => started.promise };
}
