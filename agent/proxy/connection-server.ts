import { createServer, type Server, type Socket } from "node:net";
import { ClientBounds } from "./client-bounds.ts";
import { Connection, type ConnectionWorld } from "./connection.ts";
import { readBeginning } from "./first-bytes.ts";
import type { ConnectionTuple } from "./judgement.ts";
import type { Handler } from "./proxied-connection.ts";
import type { Protocol } from "./protocol.ts";
import { serveRaw } from "./raw.ts";
import { ignore } from "./relay.ts";
import { BACKLOG } from "./sockets.ts";

/** Who serves what. */
export type Handlers = Readonly<Record<Protocol, Handler>>;

export interface ConnectionServerOptions {
  readonly world: ConnectionWorld;
  readonly handlers: Handlers;
  /** Descriptors of listening sockets; they become this object's. */
  readonly listeners: readonly number[];
  readonly connectionsOfClient: number;
  /** Of all clients together: each takes two descriptors. */
  readonly connections: number;
  /** Told of what a handler should not have let escape. */
  readonly failed: (error: unknown, protocol: string) => void;
  /** Where a client wants to go; default: where the kernel says, {@link tupleOf}. */
  readonly tupleOf?: (client: Socket) => ConnectionTuple | null;
}

/** How often, in ms, idle connections are looked for; more often where they may only be idle for a short time. */
const SWEEP = 10_000;

/** Takes clients' connections, finds out what they speak, and has them served. */
export class ConnectionServer {
  readonly #options: ConnectionServerOptions;
  readonly #bounds: ClientBounds;
  readonly #connections = new Set<Connection>();
  readonly #servers: Server[] = [];
  readonly #ended = Promise.withResolvers<void>();
  #sweep: NodeJS.Timeout | null = null;
  #isDraining = false;

  constructor(options: ConnectionServerOptions) {
    this.#options = options;
    this.#bounds = new ClientBounds(options.connectionsOfClient);
  }

  /** Begins to accept. */
  async listen(): Promise<void> {
    const { listeners, world, failed } = this.#options;
    for (const fd of listeners) {
      const server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      server.once("error", reject).listen({ fd, backlog: BACKLOG }, resolve);
      await promise;
      server.off("error", reject).on("error", (error) => failed(error, "accept"));
      this.#servers.push(server);
    }
    const { idleTimeout } = world.limits;
    this.#sweep = setInterval(() => this.#endIdle(idleTimeout), Math.min(SWEEP, idleTimeout / 4));
    this.#sweep.unref();
  }

  /**
   * Accepts no more, and waits for the end of what is there.
   *
   * @param milliseconds after which what is left is closed.
   */
  async drain(milliseconds: number): Promise<void> {
    this.#isDraining = true;
    for (const server of this.#servers) server.close();
    for (const connection of this.#connections) connection.drain();
    const late = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy();
    }, milliseconds);
    this.#checkEnd();
    await this.#ended.promise;
    clearTimeout(late);
    if (this.#sweep) clearInterval(this.#sweep);
  }

  #accept(client: Socket): void {
    const { world, tupleOf: find = tupleOf } = this.#options;
    const { counts, judgements } = world;
    counts.accepted++;
    // What a handler does not listen to is no reason to end the process; `close` follows.
    client.on("error", ignore);
    const tuple = find(client);
    const judgement = tuple && judgements.of(tuple);
    if (!judgement) {
      counts.unknown++;
      client.resetAndDestroy();
      return;
    }
    const owner = judgement.source.endpoint || tuple.sourceAddress;
    if (this.#connections.size >= this.#options.connections || !this.#bounds.enter(owner)) {
      counts.refused++;
      client.resetAndDestroy();
      return;
    }
    const connection = new Connection(client, tuple, judgement, world);
    this.#connections.add(connection);
    counts.open++;
    if (this.#isDraining) connection.drain();
    void this.#serve(connection).finally(() => {
      this.#connections.delete(connection);
      this.#bounds.leave(owner);
      counts.open--;
      this.#checkEnd();
    });
  }

  async #serve(connection: Connection): Promise<void> {
    const { handlers, world, failed } = this.#options;
    let serving = "beginning";
    try {
      const { choice, head } = await readBeginning(connection);
      serving = choice;
      switch (choice) {
        case "late":
          world.counts.late++;
          return connection.destroy();
        case "none":
          world.counts.unrecognised++;
          return connection.destroy();
        case "gone":
        case "denied":
          return connection.destroy();
        case "raw":
          await serveRaw(connection, head);
          break;
        default:
          await handlers[choice](connection);
      }
      await connection.end();
    } catch (error) {
      // That the other side cannot be reached, or breaks off, is no news.
      if (!isSystemError(error)) failed(error, serving);
      connection.destroy();
    }
  }

  #endIdle(milliseconds: number): void {
    const now = performance.now();
    for (const connection of this.#connections) {
      if (!connection.isIdle(now, milliseconds)) continue;
      this.#options.world.counts.idle++;
      connection.destroy();
    }
  }

  #checkEnd(): void {
    if (this.#isDraining && this.#connections.size === 0) this.#ended.resolve();
  }
}

/** An accepted socket's local address is the one that the client has called. */
export function tupleOf(client: Socket): ConnectionTuple | null {
  const { localAddress, localPort, remoteAddress, remotePort } = client;
  if (localAddress === undefined || localPort === undefined) return null;
  // Who has closed already is nobody's client any more.
  if (remoteAddress === undefined || remotePort === undefined) return null;
  return {
    protocol: "TCP",
    sourceAddress: canonical(remoteAddress),
    sourcePort: remotePort,
    destinationAddress: canonical(localAddress),
    destinationPort: localPort,
  };
}

/** Without the prefix of IPv4 on a socket of IPv6, and without a zone. */
function canonical(address: string): string {
  const [plain = address] = address.split("%", 1);
  return plain.startsWith("::ffff:") && plain.includes(".") ? plain.slice("::ffff:".length) : plain;
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}
