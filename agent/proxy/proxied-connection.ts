import type { Socket } from "node:net";
import type { ConnectionTuple, Judgement } from "./judgement.ts";
import type { EndRules } from "./rule-book.ts";
import type { RequestRecord } from "./request-record.ts";

/** What counts for the request that has just been read. */
export interface CurrentRules {
  readonly judgement: Judgement;
  readonly ends: readonly EndRules[];
}

/**
 * A TCP connection between a client and the proxy, which stands in for its server. One handler serves it from its first
 * byte to its end: it destroys what is open when it gives up, and lets no error escape.
 */
export interface ProxiedConnection {
  readonly tuple: ConnectionTuple;
  /** Paused; what was read to find the protocol has been put back by `unshift`. */
  readonly client: Socket;
  /**
   * What the request that was read last has to meet; to be asked anew for each of them. Null: policy does not let
   * the connection go on (any more): nothing may pass, and the connection is to be destroyed.
   */
  rules(): CurrentRules | null;
  /**
   * Calls the server under the client's address and port. The socket is connected, paused, and counts for the
   * bounds of the pod.
   * @throws NodeJS.ErrnoException as `net.connect` has it, e.g. `ECONNREFUSED`, `ETIMEDOUT`.
   */
  connect(): Promise<Socket>;
  /** Tells the agent; drops and counts where it is not read in time. Never throws. */
  tell(record: RequestRecord): void;
  /** Fires when the proxy is to end soon (an upgrade): handlers close where the client notices nothing, between requests. */
  readonly draining: AbortSignal;
  /** Headers, by name in lower case, whose values the agent wants to be told besides those of harmless ones. */
  readonly shownHeaders?: ReadonlySet<string>;
  /** What a connection may use. */
  readonly limits: ConnectionLimits;
}

export interface ConnectionLimits {
  /** Of a request's or an answer's head, in bytes. */
  readonly headBytes: number;
  /** Fields of a head. */
  readonly headFields: number;
  /** How long, in ms, a client may take for a head, from its first byte on. */
  readonly headTimeout: number;
  /** How long, in ms, a connection may stay without any byte. */
  readonly idleTimeout: number;
}

export type Handler = (connection: ProxiedConnection) => Promise<void>;
