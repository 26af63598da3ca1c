import { once } from "node:events";
import type { AddressInfo, Server, Socket } from "node:net";
import { connect, createServer } from "node:net";
import type { Judgement } from "#agent/proxy/judgement.ts";
import type { ConnectionLimits, CurrentRules, Handler, ProxiedConnection } from "#agent/proxy/proxied-connection.ts";
import type { RequestRecord } from "#agent/proxy/request-record.ts";
import type { EndRules, ProxyRule } from "#agent/proxy/rule-book.ts";
import type { HttpRule, L7Rules } from "#policy/model/l7.ts";

const LIMITS: ConnectionLimits = { headBytes: 16_384, headFields: 100, headTimeout: 5000, idleTimeout: 60_000 };
const TUPLE = {
  protocol: "TCP",
  sourceAddress: "10.0.0.1",
  sourcePort: 40_000,
  destinationAddress: "10.0.0.2",
  destinationPort: 80,
} as const;
const NOBODY = { endpoint: 0, identity: 2, isRedirected: false, isPlain: false, references: [] };
const JUDGEMENT: Judgement = {
  source: { endpoint: 1, identity: 1001, isRedirected: true, isPlain: false, references: [1] },
  destination: NOBODY,
};

/** One handler of the proxy behind a loopback port, without the datapath: what counts is what {@link LoopbackProxy.rules} says. */
export class LoopbackProxy implements AsyncDisposable {
  /** Null: the connection may not go on. */
  ends: readonly EndRules[] | null;
  limits: ConnectionLimits = LIMITS;
  readonly records: RequestRecord[] = [];
  /** What handlers have let escape, which they never may. */
  readonly escaped: unknown[] = [];
  /** Connections to the server so far. */
  calls = 0;
  /** Connections that are being served. */
  open = 0;
  readonly #serverPort: number;
  readonly #listener: Server;
  readonly #sockets = new Set<Socket>();
  readonly #draining = new AbortController();

  private constructor(handler: Handler, serverPort: number, ends: readonly EndRules[]) {
    this.#serverPort = serverPort;
    this.ends = ends;
    this.#listener = createServer({ pauseOnConnect: true }, (client) => {
      this.open++;
      handler(this.#connection(client))
        .catch((error: unknown) => this.escaped.push(error))
        .finally(() => this.open--);
    });
  }

  static async listen(handler: Handler, serverPort: number, ends: readonly EndRules[]): Promise<LoopbackProxy> {
    const proxy = new LoopbackProxy(handler, serverPort, ends);
    proxy.#listener.listen(0, "127.0.0.1");
    await once(proxy.#listener, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  drain(): void {
    this.#draining.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#listener.close();
    await once(this.#listener, "close");
  }

  #connection(client: Socket): ProxiedConnection {
    this.#keep(client);
    return {
      tuple: TUPLE,
      client,
      limits: this.limits,
      draining: this.#draining.signal,
      rules: (): CurrentRules | null => this.ends && { judgement: JUDGEMENT, ends: this.ends },
      connect: () => this.#call(),
      tell: (record) => void this.records.push(record),
    };
  }

  async #call(): Promise<Socket> {
    const socket = connect({ host: "127.0.0.1", port: this.#serverPort });
    socket.pause();
    this.#keep(socket);
    await once(socket, "connect");
    this.calls++;
    return socket;
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }
}

/** A rule of HTTP that asks for what is given, and nothing else. */
export function httpRule(asked: Partial<HttpRule>): HttpRule {
  return { method: null, path: null, host: null, headers: [], headerMatches: [], ...asked };
}

export function proxyRule(name: string, l7: L7Rules | null, serverNames: readonly string[] = []): ProxyRule {
  const description = {
    kind: "CiliumNetworkPolicy",
    namespace: "default",
    name,
    rule: "egress[0]",
    file: "",
    line: null,
  };
  return { description, l7, serverNames };
}

/** What requests have to meet at the client's end: one of these. */
export function httpEnds(...rules: readonly Partial<HttpRule>[]): EndRules[] {
  const l7: L7Rules = { family: "http", rules: rules.map(httpRule) };
  return [{ end: "source", isPlain: false, rules: [proxyRule("allowed", l7)] }];
}
