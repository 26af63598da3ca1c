import { type AddressInfo, type Server, type Socket, connect, createServer } from "node:net";
import { once } from "node:events";
import type { ConnectionLimits, CurrentRules, Handler } from "#agent/proxy/proxied-connection.ts";
import type { RequestRecord } from "#agent/proxy/request-record.ts";
import type { EndRules, ProxyRule } from "#agent/proxy/rule-book.ts";
import type { HttpRule } from "#policy/model/l7.ts";

const LIMITS: ConnectionLimits = { headBytes: 65_536, headFields: 100, headTimeout: 20_000, idleTimeout: 60_000 };
const JUDGEMENT: CurrentRules["judgement"] = {
  source: { endpoint: 7, identity: 1007, isRedirected: true, isPlain: false, references: [1] },
  destination: { endpoint: 8, identity: 1008, isRedirected: false, isPlain: false, references: [] },
};

/** A rule of a policy `NAME`, by which a test tells what allowed. */
export function proxyRule(name: string, content: Partial<Pick<ProxyRule, "l7" | "serverNames">>): ProxyRule {
  const description = {
    kind: "CiliumNetworkPolicy",
    namespace: "shop",
    name,
    rule: "egress[0]",
    file: "a.yaml",
    line: 1,
  };
  return { description, l7: null, serverNames: [], ...content };
}

/** One end of a connection. */
export function endRules(rules: readonly ProxyRule[], end: Partial<Omit<EndRules, "rules">> = {}): EndRules {
  return { end: "source", isPlain: false, rules, ...end };
}

/** What has to be met at the client's end: one of these rules of HTTP, by a policy `allowed`. */
export function httpEnds(...rules: readonly Partial<HttpRule>[]): EndRules[] {
  const any: HttpRule = { method: null, path: null, host: null, headers: [], headerMatches: [] };
  const l7 = { family: "http", rules: rules.map((rule) => ({ ...any, ...rule })) } as const;
  return [endRules([proxyRule("allowed", { l7 })])];
}

/** A proxy on a port of the loopback address: every connection is for one server, and is given to the handler under test. */
export class FakeProxy implements AsyncDisposable {
  /** What counts for the next request; null: nothing may pass. */
  ends: readonly EndRules[] | null;
  readonly told: RequestRecord[] = [];
  /** To be aborted when the proxy is to end soon. */
  readonly draining = new AbortController();
  /** Of connections that are still to come. */
  limits: ConnectionLimits;
  /** Connections that the handler has been given, and those that it is done with. */
  began = 0;
  ended = 0;
  /** How often it has reached the server. */
  calls = 0;
  readonly #listener: Server;
  readonly #open = new Set<Socket>();

  private constructor(listener: Server, ends: readonly EndRules[] | null, limits: ConnectionLimits) {
    this.#listener = listener;
    this.ends = ends;
    this.limits = limits;
  }

  static async start(
    handler: Handler,
    server: { readonly port: number },
    ends: readonly EndRules[] | null,
    limits: Partial<ConnectionLimits> = {},
  ): Promise<FakeProxy> {
    const listener = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true });
    const proxy = new FakeProxy(listener, ends, { ...LIMITS, ...limits });
    listener.on("connection", (client) => void proxy.#serve(handler, client, server.port));
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  /** Connections that are being served. */
  get open(): number {
    return this.began - this.ended;
  }

  async #serve(handler: Handler, client: Socket, port: number): Promise<void> {
    this.began++;
    this.#keep(client);
    const { remoteAddress = "", remotePort = 0 } = client;
    const source = { sourceAddress: remoteAddress, sourcePort: remotePort };
    await handler({
      tuple: { protocol: "TCP", ...source, destinationAddress: "127.0.0.1", destinationPort: port },
      client,
      rules: () => this.ends && { judgement: JUDGEMENT, ends: this.ends },
      connect: async () => {
        const server = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
        await once(server, "connect");
        this.calls++;
        return this.#keep(server.pause());
      },
      tell: (record) => void this.told.push(record),
      draining: this.draining.signal,
      limits: this.limits,
    });
    this.ended++;
  }

  #keep(socket: Socket): Socket {
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
    return socket;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    this.#listener.close();
    if (this.#listener.listening) await once(this.#listener, "close");
  }
}
