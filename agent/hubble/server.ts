import { createServer, isIPv6, type Server, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { createServer as createTlsServer, type SecureContextOptions, type Server as TlsServer } from "node:tls";
import { isDeepStrictEqual } from "node:util";
import { ApiError } from "#agent/api/errors.ts";
import type { Warn } from "#agent/api/handler.ts";
import { hubbleSocket } from "#agent/api/run-dir-paths.ts";
import { listenOnUnixSocket, removeSocket } from "#agent/api/unix-socket.ts";
import type { FlowReader } from "#agent/flows/reader.ts";
import { reasonOf } from "#agent/runtime/errors.ts";
import type { Identity } from "./identity.ts";
import type { PeerView } from "./peer-view.ts";
import type { HubbleService } from "./service.ts";

/** Connections at a time, of each of the two listeners; the next one is closed. */
const mostConnections = 256;
/** For a TLS handshake, in ms. */
const handshakeTimeout = 5_000;
/** For answers that are under way when the server stops, in ms. */
const stopTimeout = 1_000;

/** What the observer shows of a node. */
export interface HubbleNode {
  readonly nodeName: string;
  readonly flows: FlowReader;
  /** Names of the node's devices towards other nodes. */
  devices(): readonly string[];
}

/** Where the observer listens on the network, and as whom. */
export interface HubbleNetwork {
  readonly host: string;
  readonly port: number;
  /** Asked at the start, and then every {@link renewal}: certificates are replaced while the agent runs. */
  readonly identity: () => Identity;
  /** In ms. */
  readonly renewal?: number;
}

/** How often, in ms, it is looked whether there is a new certificate. */
const defaultRenewal = 60_000;

/** Hubble's API on `hubble.sock` of a run folder, and on the network when it is asked for. */
export class HubbleServer implements AsyncDisposable {
  readonly #node: HubbleNode;
  readonly #socket: string;
  readonly #warn: Warn;
  readonly #servers: Server[] = [];
  readonly #connections = new Set<Socket>();
  readonly #stop = new AbortController();
  #isThere = false;
  #renewal: NodeJS.Timeout | undefined;
  #identity: Identity | undefined;
  /** Why there is no new certificate, as it was told. */
  #problem = "";
  /** Loaded with the first connection: gRPC takes 100 ms and 30 MB, and most nodes are never asked. */
  #service: Promise<HubbleService> | null = null;
  #network: { readonly host: string; readonly port: number; readonly serverName: string } | null = null;

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
      await listenOnUnixSocket(hubble.#local(), hubble.#socket, warn);
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
    clearInterval(this.#renewal);
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

  async #listenOnNetwork({ host, port, identity, renewal = defaultRenewal }: HubbleNetwork): Promise<void> {
    const first = identity();
    const server = createTlsServer(
      {
        ...contextOf(first),
        requestCert: true,
        rejectUnauthorized: true,
        ALPNProtocols: ["h2"],
        handshakeTimeout,
      },
      (connection) => void this.#serve(connection),
    );
    // Node closes such a connection; who may not come in is told by TLS.
    server.on("tlsClientError", () => undefined);
    this.#take(server);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen({ host, port }, resolve);
    try {
      await promise;
    } catch (error) {
      const asked = `listen on ${host} port ${port}`;
      throw new ApiError("socket", { asked, obstacle: reasonOf(error), remedy: "use another --hubble-address" });
    }
    const bound = server.address();
    const ownPort = typeof bound === "object" && bound !== null ? bound.port : port;
    this.#network = { host, port: ownPort, serverName: first.serverName };
    this.#renewal = setInterval(() => this.#renew(server, identity), renewal).unref();
    this.#identity = first;
  }

  /** Connections that are there stay; those that come see the new certificate. */
  #renew(server: TlsServer, identity: () => Identity): void {
    try {
      const found = identity();
      this.#problem = "";
      if (isDeepStrictEqual(found, this.#identity) || this.#network === null) return;
      server.setSecureContext(contextOf(found));
      this.#identity = found;
      this.#network = { ...this.#network, serverName: found.serverName };
    } catch (error) {
      const reason = reasonOf(error);
      // A file that is half written is whole the next time; what stays wrong is told once.
      if (reason !== this.#problem)
        this.#warn(`renew the certificate of Hubble's API: ${reason}; the old one is shown`);
      this.#problem = reason;
    }
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
    const { nodeName, flows } = this.#node;
    return new Service({ nodeName, flows, peer: () => this.peer() }, this.#warn, this.#stop.signal);
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

function contextOf({ cert, key, ca }: Identity): SecureContextOptions {
  return { cert, key, ca, minVersion: "TLSv1.3" };
}

function isUnspecified(host: string): boolean {
  return host === "0.0.0.0" || /^[0:]+$/.test(host);
}
