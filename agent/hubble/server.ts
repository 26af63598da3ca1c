import { createServer, isIPv6, type Server, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import type { Warn } from "#agent/api/handler.ts";
import { hubbleSocket } from "#agent/api/run-dir-paths.ts";
import { socketGroups } from "#agent/api/socket-groups.ts";
import { listenOnUnixSocket, removeSocket } from "#agent/api/unix-socket.ts";
import type { AgentEvents } from "#agent/runtime/agent-events.ts";
import type { FlowReader } from "#agent/flows/reader.ts";
import { reasonOf } from "#agent/runtime/errors.ts";
import { type HubbleNetwork, NetworkListener } from "./network-listener.ts";
import type { PeerView } from "./peer-view.ts";
import type { HubbleService } from "./service.ts";

/** Connections at a time, of each of the two listeners; the next one is closed. */
const mostConnections = 256;
/** For answers that are under way when the server stops, in ms. */
const stopTimeout = 1_000;

/** What the observer shows of a node. */
export interface HubbleNode {
  readonly nodeName: string;
  readonly flows: FlowReader;
  readonly agentEvents: AgentEvents;
  /** Names of the node's devices towards other nodes. */
  devices(): readonly string[];
}

/** Hubble's API on `hubble.sock` of a run folder, and on the network when it is asked for. */
export class HubbleServer implements AsyncDisposable {
  readonly #node: HubbleNode;
  readonly #socket: string;
  readonly #warn: Warn;
  readonly #servers: Server[] = [];
  readonly #connections = new Set<Socket>();
  readonly #stop = new AbortController();
  #isThere = false;
  /** Loaded with the first connection: gRPC takes 100 ms and 30 MB, and most nodes are never asked. */
  #service: Promise<HubbleService> | null = null;
  #network: NetworkListener | null = null;

  private constructor(node: HubbleNode, socket: string, warn: Warn) {
    this.#node = node;
    this.#socket = socket;
    this.#warn = warn;
  }

  /** Resolves when callers can connect. @throws ApiError `socket`. */
  static async listen(
    runDir: string,
    node: HubbleNode,
    warn: Warn,
    network: HubbleNetwork | null = null,
  ): Promise<HubbleServer> {
    const hubble = new HubbleServer(node, hubbleSocket(runDir), warn);
    try {
      await listenOnUnixSocket(hubble.#local(), hubble.#socket, socketGroups().observe, warn);
      hubble.#isThere = true;
      if (network !== null) await hubble.#listenOnNetwork(network);
      return hubble;
    } catch (error) {
      await hubble[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** How others reach this observer. */
  peer(): PeerView {
    if (this.#network === null) return { address: `unix://${this.#socket}`, serverName: null };
    const { host, port, serverName } = this.#network;
    const address = isUnspecified(host) ? this.#ownAddress(host) : host;
    return { address: `${isIPv6(address) ? `[${address}]` : address}:${port}`, serverName };
  }

  /** Ends streams, lets calls finish for a moment, and removes the socket. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#network?.[Symbol.dispose]();
    const closed = this.#servers.map((server) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      // One that does not listen yet is closed, too.
      server.close(() => resolve());
      return promise;
    });
    const cut = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy();
    }, stopTimeout);
    // Who waits for one that cannot be loaded is told by `#serve`.
    const service = await this.#service?.catch(() => null);
    service?.close();
    await Promise.all(closed);
    clearTimeout(cut);
    if (this.#isThere) removeSocket(this.#socket);
  }

  #local(): Server {
    const server = createServer((connection) => void this.#serve(connection));
    this.#take(server);
    return server;
  }

  async #listenOnNetwork(options: HubbleNetwork): Promise<void> {
    const listener = new NetworkListener(options, this.#warn, (connection) => void this.#serve(connection));
    this.#take(listener.server);
    this.#network = listener;
    await listener.listen();
  }

  /** Takes what a server accepts into account. */
  #take(server: Server): void {
    server.maxConnections = mostConnections;
    server.on("connection", (connection: Socket) => {
      this.#connections.add(connection);
      connection.once("close", () => this.#connections.delete(connection));
      // It is destroyed then, which is all that is to be done.
      connection.on("error", () => undefined);
    });
    this.#servers.push(server);
  }

  async #serve(connection: Socket): Promise<void> {
    connection.on("error", () => undefined);
    try {
      this.#service ??= this.#load();
      const service = await this.#service;
      if (!connection.destroyed && !this.#stop.signal.aborted) service.accept(connection);
    } catch (error) {
      this.#warn(`serve Hubble's API: ${reasonOf(error)}`, error);
      this.#service = null;
      connection.destroy();
    }
  }

  async #load(): Promise<HubbleService> {
    const { HubbleService: Service } = await import("./service.ts");
    const { nodeName, flows, agentEvents } = this.#node;
    return new Service({ nodeName, flows, agentEvents, peer: () => this.peer() }, this.#warn, this.#stop.signal);
  }

  /** The node's address of the host's family, by its devices; one of the other where it has none. */
  #ownAddress(host: string): string {
    const interfaces = networkInterfaces();
    const own = this.#node.devices().flatMap((device) => interfaces[device] ?? []);
    const usable = own.filter(({ address }) => !address.startsWith("fe80:"));
    const wanted = isIPv6(host) ? "IPv6" : "IPv4";
    return (usable.find(({ family }) => family === wanted) ?? usable[0])?.address ?? host;
  }
}

function isUnspecified(host: string): boolean {
  return host === "0.0.0.0" || /^[0:]+$/.test(host);
}
