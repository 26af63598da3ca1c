import { createServer, type Server } from "node:http";
import { Handler, type Warn } from "./handler.ts";
import { defaultPoolSizes, Pools, type PoolSizes } from "./pools.ts";
import type { Ports } from "./ports.ts";
import type { Route } from "./route.ts";
import { allRoutes } from "./routes.ts";
import { flowRoutes } from "./routes/flows.ts";
import { agentSocket, observeSocket } from "./run-dir-paths.ts";
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

/** HTTP on one Unix socket, by a table of routes. */
export class ApiServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #path: string;
  readonly #grace: number;
  readonly #stop = new AbortController();

  private constructor(server: Server, path: string, grace: number) {
    this.#server = server;
    this.#path = path;
    this.#grace = grace;
  }

  /** Resolves when callers can connect. @throws ApiError `socket`. */
  static async listen<P>(
    path: string,
    routes: readonly Route<P>[],
    ports: P,
    warn: Warn,
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
    const api = new ApiServer(server, path, limits.stop);
    const handler = new Handler(routes, ports, new Pools(limits.pools), warn);
    server.on("request", (request, response) => void handler.serve(request, response, api.#stop.signal));
    await listenOnUnixSocket(server, path, warn);
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
    removeSocket(this.#path);
  }
}

/** The agent's two sockets in its run folder, which the caller has claimed. */
export async function serveApi(
  runDir: string,
  ports: Ports,
  warn: Warn,
  limits: ServerLimits = defaultLimits,
): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  stack.use(await ApiServer.listen(agentSocket(runDir), allRoutes, ports, warn, limits));
  stack.use(await ApiServer.listen(observeSocket(runDir), flowRoutes, ports, warn, limits));
  return stack.move();
}
