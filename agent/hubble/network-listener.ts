import { createServer, type SecureContextOptions, type Server, type TLSSocket } from "node:tls";
import { isDeepStrictEqual } from "node:util";
import { ApiError } from "#agent/api/errors.ts";
import type { Warn } from "#agent/api/handler.ts";
import { reasonOf } from "#agent/runtime/errors.ts";
import type { Identity } from "./identity.ts";

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
/** For a TLS handshake, in ms. */
const handshakeTimeout = 5_000;

/** Accepts connections over TLS of whom the CA knows. */
export class NetworkListener implements Disposable {
  readonly server: Server;
  readonly #options: HubbleNetwork;
  readonly #warn: Warn;
  #identity: Identity;
  #renewal: NodeJS.Timeout | undefined;
  /** Why there is no new certificate, as it was told. */
  #problem = "";

  constructor(options: HubbleNetwork, warn: Warn, serve: (connection: TLSSocket) => void) {
    this.#options = options;
    this.#warn = warn;
    this.#identity = options.identity();
    this.server = createServer(
      {
        ...contextOf(this.#identity),
        requestCert: true,
        rejectUnauthorized: true,
        ALPNProtocols: ["h2"],
        handshakeTimeout,
      },
      serve,
    );
    // Node closes such a connection; who may not come in is told by TLS.
    this.server.on("tlsClientError", () => undefined);
  }

  get host(): string {
    return this.#options.host;
  }

  /** The one that is listened on. */
  get port(): number {
    const bound = this.server.address();
    return typeof bound === "object" && bound !== null ? bound.port : this.#options.port;
  }

  /** The name that the certificate is for. */
  get serverName(): string {
    return this.#identity.serverName;
  }

  /** Resolves when callers can connect. @throws ApiError `socket`. */
  async listen(): Promise<void> {
    const { host, port, renewal = defaultRenewal } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.server.once("error", reject);
    this.server.listen({ host, port }, resolve);
    try {
      await promise;
    } catch (error) {
      const asked = `listen on ${host} port ${port}`;
      throw new ApiError("socket", { asked, obstacle: reasonOf(error), remedy: "use another --hubble-address" });
    }
    this.#renewal = setInterval(() => this.#renew(), renewal).unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#renewal);
  }

  /** Connections that are there stay; those that come see the new certificate. */
  #renew(): void {
    try {
      const found = this.#options.identity();
      this.#problem = "";
      if (isDeepStrictEqual(found, this.#identity)) return;
      this.server.setSecureContext(contextOf(found));
      this.#identity = found;
    } catch (error) {
      const reason = reasonOf(error);
      // A file that is half written is whole the next time; what stays wrong is told once.
      if (reason !== this.#problem)
        this.#warn(`renew the certificate of Hubble's API: ${reason}; the old one is shown`);
      this.#problem = reason;
    }
  }
}

function contextOf({ cert, key, ca }: Identity): SecureContextOptions {
  return { cert, key, ca, minVersion: "TLSv1.3" };
}
