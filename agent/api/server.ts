import { createServer, type Server } from "node:http";
import { Gate } from "./gate.ts";
import { type Front, Handler, type Listener } from "./handler.ts";
import { PacedWarnings } from "./paced-warnings.ts";
import { defaultPoolSizes, Pools, type PoolSizes } from "./pools.ts";
import type { Ports } from "./ports.ts";
import { bodyLimit, type Route } from "./route.ts";
import { allRoutes } from "./routes.ts";
import { scrapeRoutes } from "./routes/metrics.ts";
import { agentSocket, cniSocket, observeSocket } from "./run-dir-paths.ts";
import { pacedScrapes } from "./scrape-pace.ts";
import { type Group, type SocketGroups, socketGroups } from "./socket-groups.ts";
import { listenOnTcp, type TcpAddress } from "./tcp-socket.ts";
import { listenOnUnixSocket, removeSocket } from "./unix-socket.ts";

/** How long and how much a caller may take. Times in milliseconds. */
export interface ServerLimits {
  /** From the connection to the end of the headers. */
  readonly headers: number;
  /** From the connection to the end of the body. */
  readonly request: number;
  /** For a caller that takes nothing of its answer; of a stream, once it has missed something. */
  readonly answer: number;
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
  answer: 30_000,
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
  pools: { call: 16 },
};

/** A Unix socket: the first group owns it with root, and what comes by it is taken from members of all of them. */
interface UnixPlace {
  readonly path: string;
  readonly groups: readonly Group[];
  readonly readOnly: boolean;
}

/** Where a server listens; an address is one that an option names. */
type Place = UnixPlace | (TcpAddress & { readonly option: string });

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
    front?: Front,
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
    const gate = "path" in place ? gateOf(place, limits, listener) : null;
    const pools = new Pools(limits.pools);
    const handler = new Handler(routes, ports, listener, { pools, gate, patience: limits.answer, front });
    server.on("connection", (socket) => gate?.enter(socket));
    server.on("request", (request, response) => void handler.serve(request, response, api.#stop.signal));
    if ("path" in place) await listenOnUnixSocket(server, place.path, place.groups[0] ?? null, listener.warn);
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
    if ("path" in this.#place) removeSocket(this.#place.path);
  }
}

/** A quarter of the connections for each process, and for all users but root: so much is left for others. */
function gateOf({ groups, readOnly }: UnixPlace, { connections }: ServerLimits, { warn }: Listener): Gate {
  return new Gate({ groups, readOnly, share: Math.ceil(connections / 4) }, new PacedWarnings(warn));
}

/** The agent's sockets in its run folder, which the caller has claimed. */
export async function serveSockets<P>(
  runDir: string,
  routes: readonly Route<P>[],
  ports: P,
  listener: Listener,
  { groups, limits = defaultLimits }: { readonly groups?: SocketGroups; readonly limits?: ServerLimits } = {},
): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const { full, observe } = groups ?? socketGroups();
  const open = async (place: UnixPlace, served: readonly Route<P>[], own = limits): Promise<void> => {
    stack.use(await ApiServer.listen(place, served, ports, listener, own));
  };
  const cni = routes.filter(({ pool }) => pool === "cni");
  // What the container runtime has sent in time is not refused because the agent was at other work.
  const patient = { ...limits, headers: 12 * limits.headers, request: 12 * limits.request };
  await open({ path: cniSocket(runDir), groups: [], readOnly: false }, cni, patient);
  // To parse what is asked about keeps all others waiting: who only looks gets an ordinary body's share of that.
  const looking = routes.map((route) => ({ ...route, bodyLimit: Math.min(route.bodyLimit, bodyLimit) }));
  await open({ path: observeSocket(runDir), groups: [observe, full], readOnly: true }, looking);
  await open({ path: agentSocket(runDir), groups: [full], readOnly: false }, routes);
  return stack.move();
}

/** Everything that the agent serves: by its sockets, and what the options add to them. */
export async function serveApi(
  { runDir, metricsAddress }: { readonly runDir: string; readonly metricsAddress: TcpAddress | null },
  ports: Ports,
  listener: Listener,
): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  stack.use(await serveSockets(runDir, allRoutes, ports, listener));
  if (metricsAddress !== null) {
    const place = { ...metricsAddress, option: "--metrics-address" };
    const paced = { metrics: pacedScrapes(ports.metrics) };
    stack.use(await ApiServer.listen(place, scrapeRoutes, paced, listener, scrapeLimits));
  }
  return stack.move();
}
