import type { Condition, Entry, PutResult, Store, WatchEvent } from "./store.ts";

/** An entry, and the session that it goes with; null: it stays. */
export interface HeldEntry extends Entry {
  readonly session: string | null;
}

/**
 * - `unavailable`: no answer, or not now.
 * - `refused`: who we are, or what we may.
 * - `session-lost`: the session that a write named is gone.
 */
export type BackendErrorCode = "unavailable" | "refused" | "session-lost";

/** Why a server did not do what it was asked, in its own words. */
export class BackendError extends Error {
  readonly code: BackendErrorCode;

  constructor(code: BackendErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "BackendError";
    this.code = code;
  }
}

export interface BackendPut {
  readonly condition: Condition | undefined;
  /** The session whose end is the key's; null: none. */
  readonly session: string | null;
}

/**
 * The protocol of one kind of server; `RemoteStore` makes a store of it. Keys are whole,
 * with the prefix of the cluster. Calls end with their signal, and reject with a
 * {@link BackendError}. None is repeated here: a write that failed may have happened.
 */
export interface Backend extends Disposable {
  readonly kind: Store["kind"];
  /** Where calls go at present. */
  readonly address: string;
  get(key: string, signal: AbortSignal): Promise<HeldEntry | null>;
  /** All below a prefix, which ends in `/`; sorted by key. */
  list(prefix: string, signal: AbortSignal): Promise<readonly HeldEntry[]>;
  put(key: string, value: string, how: BackendPut, signal: AbortSignal): Promise<PutResult>;
  delete(key: string, condition: Condition | undefined, signal: AbortSignal): Promise<boolean>;
  /** A snapshot, then changes, until the connection breaks: then it rejects. */
  watch(prefix: string, signal: AbortSignal): AsyncIterable<WatchEvent>;
  /** This node's session, which an earlier life of the agent may have left, or a new one. */
  openSession(signal: AbortSignal): Promise<string>;
  /** False: there is no such session any more. */
  renewSession(session: string, signal: AbortSignal): Promise<boolean>;
  /** Drops the connection, with what waits on it; the next call goes to the next address, with the certificates of now. */
  reconnect(): void;
}
