import { connect, type Socket } from "node:net";
import { until } from "#agent/local/until.ts";
import { noCounts } from "#agent/proxy/child-messages.ts";
import { ConnectionServer, type Handlers, tupleOf } from "#agent/proxy/connection-server.ts";
import type { Judgement } from "#agent/proxy/judgement.ts";
import type { ConnectionLimits } from "#agent/proxy/proxied-connection.ts";
import type { RequestRecord } from "#agent/proxy/request-record.ts";
import { RuleBook } from "#agent/proxy/rule-book.ts";
import { boundPort, openListener } from "#agent/proxy/sockets.ts";
import { serveUnread } from "#test/support/proxy/unserved.ts";
import { Client } from "./proxy-process.ts";
import type { World } from "./world.ts";

export interface LocalProxyOptions {
  readonly handlers?: Partial<Handlers>;
  readonly limits?: Partial<ConnectionLimits>;
  readonly tell?: (record: RequestRecord) => void;
}

/** A worker of the proxy in this process, on IPv4. */
export class LocalProxy implements AsyncDisposable {
  readonly rules = new RuleBook();
  readonly counts = noCounts();
  readonly failures: unknown[] = [];
  judgement: Judgement | null;
  readonly #server: ConnectionServer;
  readonly #port: number;

  private constructor(world: World, { handlers, limits, tell = () => {} }: LocalProxyOptions) {
    this.judgement = world.judgement;
    const listener = openListener({ protocol: "TCP", family: 4 });
    if (listener === null) throw new Error("this machine has no IPv4");
    this.#port = boundPort(listener);
    this.#server = new ConnectionServer({
      world: {
        judgements: { of: () => this.judgement },
        rules: this.rules,
        limits: { headBytes: 65_536, headFields: 100, headTimeout: 10_000, idleTimeout: 60_000, ...limits },
        counts: this.counts,
        tell,
        shownHeaders: () => new Set(),
      },
      tupleOf: (client) => {
        const tuple = tupleOf(client);
        return tuple && { ...tuple, ...world.tuple };
      },
      handlers: {
        http1: serveUnread,
        http2: serveUnread,
        tls: serveUnread,
        kafka: serveUnread,
        dns: serveUnread,
        ...handlers,
      },
      listeners: [listener],
      connectionsOfClient: 1000,
      connections: 1000,
      failed: (error) => this.failures.push(error),
    });
  }

  static async start(world: World, options: LocalProxyOptions = {}): Promise<LocalProxy> {
    const proxy = new LocalProxy(world, options);
    await proxy.#server.listen();
    return proxy;
  }

  /** A client's connection, which may be closed already. */
  async connect(): Promise<Client> {
    const client = new Client(this.call());
    await until("a connection", () => !client.socket.connecting || client.closed !== "no", { every: 2 });
    return client;
  }

  /** A client's socket, on its way. */
  call(): Socket {
    return connect({ host: "127.0.0.1", port: this.#port, allowHalfOpen: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.drain(0);
  }
}
