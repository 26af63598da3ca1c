import { createServer, type Server } from "node:http";
import { Handler, type Listener } from "./handler.ts";
import { defaultPoolSizes, Pools, type PoolSizes } from "./pools.ts";
import type { Ports } from "./ports.ts";
import type { Route } from "./route.ts";
import { allRoutes } from "./routes.ts";
import { flowRoutes } from "./routes/flows.ts";
import { scrapeRoutes } from "./routes/metrics.ts";
import { agentSocket, observeSocket } from "./run-dir-paths.ts";
import { pacedScrapes } from "./scrape-pace.ts";
import { listenOnTcp, type TcpAddress } from "./tcp-socket.ts";
import { listenOnUnixSocket, removeSocket } from "./unix-socket.ts";

/** How long and how much a caller may take. Times in milliseconds. */
export interface ServerLimits {
  /** From the connection to the end of the headers. */
  readonly headers: number;
  /** From the connection to the end of the body. */
  readonly request: number;
  /** Between two requests of one connection. */
  readonly idle: number;
  /** How often the above are looked at. */
  readonly check: number;
  /** For answers that are under way when the server stops. */
  readonly stop: number;
  /** Connections at a time; the next one is closed. */
  readonly connections: number;
  readonly pools: PoolSizes;
}

export const defaultLimits: ServerLimits = {
  headers: 5_000,
  request: 15_000,
  idle: 30_000,
  check: 1_000,
  stop: 3_000,
  connections: 512,
  pools: defaultPoolSizes,
};

/** For those who are on the network: a scrape takes a moment, and few have to ask. */
export const scrapeLimits: ServerLimits = {
  ...defaultLimits,
  connections: 32,
  pools: { call: 16, wait: 0, stream: 0 },
};

/** Where a server listens: the path of a Unix socket, or an address that an option names. */
type Place = string | (TcpAddress & { readonly option: string });

/** HTTP on one socket, by a table of routes. */
export class ApiServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #place: Place;
  readonly #grace: number;
  readonly #stop = new AbortController();

  private constructor(server: Server, place: Place, grace: number) {
    this.#server = server;
    this.#place = place;
    this.#grace = grace;
  }

  /** Resolves when callers can connect. @throws ApiError `socket`. */
  static async listen<P>(
    place: Place,
    routes: readonly Route<P>[],
    ports: P,
    listener: Listener,
    limits: ServerLimits = defaultLimits,
  ): Promise<ApiServer> {
    const server = createServer({
      maxHeaderSize: 16_384,
      headersTimeout: limits.headers,
      requestTimeout: limits.request,
      keepAliveTimeout: limits.idle,
      connectionsCheckingInterval: limits.check,
    });
    server.maxConnections = limits.connections;
    const api = new ApiServer(server, place, limits.stop);
    const handler = new Handler(routes, ports, new Pools(limits.pools), listener);
    server.on("request", (request, response) => void handler.serve(request, response, api.#stop.signal));
    if (typeof place === "string") await listenOnUnixSocket(server, place, listener.warn);
    else await listenOnTcp(server, place, place.option);
    return api;
  }

  /** Ends streams and waits, lets calls finish for a moment, and removes the socket. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#stop.abort();
    const cut = setTimeout(() => this.#server.closeAllConnections(), this.#grace);
    await promise;
    clearTimeout(cut);
    if (typeof this.#place === "string") removeSocket(this.#place);
  }
}

/** The agent's two sockets in its run folder, which the caller has claimed, and what the options add to them. */
export async function serveApi(
  { runDir, metricsAddress }: { readonly runDir: string; readonly metricsAddress: TcpAddress | null },
  ports: Ports,
  listener: Listener,
): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  stack.use(await ApiServer.listen(agentSocket(runDir), allRoutes, ports, listener));
  stack.use(await ApiServer.listen(observeSocket(runDir), flowRoutes, ports, listener));
  if (metricsAddress !== null) {
    const place = { ...metricsAddress, option: "--metrics-address" };
    const paced = { metrics: pacedScrapes(ports.metrics) };
    stack.use(await ApiServer.listen(place, scrapeRoutes, paced, listener, scrapeLimits));
  }
  return stack.move();
}
