import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { afterAll, afterEach, beforeAll } from "vitest";
import { serveHttp1 } from "#agent/proxy/http1/serve.ts";
import type { HttpOptions } from "#agent/proxy/http-judgement.ts";
import type { ConnectionLimits, CurrentRules, ProxiedConnection } from "#agent/proxy/proxied-connection.ts";
import type { RequestRecord } from "#agent/proxy/request-record.ts";
import type { EndRules } from "#agent/proxy/rule-book.ts";
import type { HttpRule } from "#policy/model/l7.ts";

export const anyRequest: HttpRule = { method: null, path: null, host: null, headers: [], headerMatches: [] };

const limits: ConnectionLimits = { headBytes: 16_384, headFields: 100, headTimeout: 10_000, idleTimeout: 10_000 };

/** What an end asks of requests that is met by any of these rules. */
export function httpEnd(rules: readonly Partial<HttpRule>[], end: EndRules["end"] = "source"): EndRules {
  const description = { kind: "CiliumNetworkPolicy", namespace: "shop", name: "web", rule: "", file: "", line: 1 };
  const whole = rules.map((rule) => ({ ...anyRequest, ...rule }));
  return { end, isPlain: false, rules: [{ description, l7: { family: "http", rules: whole }, serverNames: [] }] };
}

/** The proxy's HTTP/1 side on a loopback port, before a server on another, without a datapath. */
export class Http1Proxy {
  readonly records: RequestRecord[] = [];
  /** What failed by a mistake of ours. */
  readonly failures: unknown[] = [];
  /** Null: the datapath does not let connections go on. */
  ends: readonly EndRules[] | null = [];
  limits = limits;
  options: HttpOptions = { namesDenier: false };
  /** How often the server was called. */
  calls = 0;
  /** The proxy's side of connections that are not over. */
  readonly open = new Set<Socket>();
  readonly #draining = new AbortController();
  #serverPort = 0;
  readonly #server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => this.#serve(client));

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async start(serverPort: number): Promise<void> {
    this.#serverPort = serverPort;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.listen(0, "127.0.0.1", resolve);
    await promise;
  }

  drain(): void {
    this.#draining.abort();
  }

  stop(): void {
    for (const socket of this.open) socket.destroy();
    this.#server.close();
  }

  #serve(client: Socket): void {
    this.open.add(client);
    client.once("close", () => this.open.delete(client));
    const { limits, options } = this;
    const connection: ProxiedConnection = {
      tuple: {
        protocol: "TCP",
        sourceAddress: "127.0.0.1",
        sourcePort: client.remotePort ?? 0,
        destinationAddress: "127.0.0.1",
        destinationPort: this.#serverPort,
      },
      client,
      rules: () => this.#rules(),
      connect: async () => this.#connect(),
      tell: (record) => this.records.push(record),
      draining: this.#draining.signal,
      limits,
    };
    serveHttp1(connection, options).catch((error: unknown) => this.failures.push(error));
  }

  #rules(): CurrentRules | null {
    const end = { endpoint: 1, identity: 1000, isRedirected: true, isPlain: false, references: [1] };
    return this.ends === null ? null : { judgement: { source: end, destination: end }, ends: this.ends };
  }

  async #connect(): Promise<Socket> {
    this.calls++;
    const { promise, resolve, reject } = Promise.withResolvers<Socket>();
    const socket = connect({ port: this.#serverPort, host: "127.0.0.1" });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      socket.pause();
      this.open.add(socket);
      socket.once("close", () => this.open.delete(socket));
      resolve(socket);
    });
    return promise;
  }
}

/** One proxy for a file, before the server whose port is asked for; nothing may fail in it by a mistake of ours. */
export function useHttp1Proxy(serverPort: () => number | Promise<number>): Http1Proxy {
  const proxy = new Http1Proxy();
  beforeAll(async () => proxy.start(await serverPort()));
  afterEach(() => {
    proxy.records.length = 0;
    proxy.ends = [httpEnd([{}])];
    if (proxy.failures.length > 0) throw proxy.failures[0];
  });
  afterAll(() => proxy.stop());
  proxy.ends = [httpEnd([{}])];
  return proxy;
}
