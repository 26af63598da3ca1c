import type { Clock } from "#agent/runtime/clock.ts";
import type { Log } from "#agent/runtime/log.ts";

/** How a server is reached and who we are to it. Files are read at every new connection. */
export interface ServerOptions {
  /** `http://` or `https://` with host and port; tried one after the other. */
  readonly addresses: readonly string[];
  /** The first word of every key. */
  readonly prefix: string;
  /** This node's name. */
  readonly node: string;
  /** Paths of PEM files; null: none. */
  readonly ca: string | null;
  readonly certificate: string | null;
  readonly key: string | null;
  /** For etcd. */
  readonly user: string | null;
  readonly passwordFile: string | null;
  /** For Consul. */
  readonly tokenFile: string | null;
  /** How long keys of the node's lifetime outlive it, in seconds. */
  readonly lifetime: number;
}

/** Of a store on a server. Times in milliseconds. */
export interface RemoteOptions {
  readonly server: ServerOptions;
  readonly clock: Clock;
  readonly log: Log;
  /** For the answer to a call. */
  readonly deadline?: number;
  /** Between two questions whether the server is there. */
  readonly interval?: number;
}
