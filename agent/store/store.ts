/** A key with its value. */
export interface Entry {
  /** Path of words: {@link isKey}. */
  readonly key: string;
  readonly value: string;
  /** Changes with every write of the key, also when it is deleted and made anew. Compared for equality only. */
  readonly revision: string;
}

/** What a write asks of the key's present state; absent: nothing. */
export interface Condition {
  /** The revision that the key has to have; null: there must be no such key. */
  readonly revision: string | null;
}

export interface PutOptions {
  readonly condition?: Condition;
  /**
   * `node`: the key goes when this node has been gone for longer than the store's time
   * limit. `permanent` (default): it stays until somebody deletes it.
   */
  readonly lifetime?: "permanent" | "node";
}

/** A refused write tells what is there in its place. */
export type PutResult =
  | { readonly ok: true; readonly entry: Entry }
  | { readonly ok: false; readonly current: Entry | null };

export type Change =
  | { readonly type: "put"; readonly entry: Entry }
  | { readonly type: "delete"; readonly key: string };

/**
 * What a watch tells. The first is always a snapshot: everything under the prefix. A
 * later snapshot stands in for changes that could not be told one by one, and replaces
 * all that was told before.
 */
export type WatchEvent =
  | { readonly type: "snapshot"; readonly entries: readonly Entry[] }
  | { readonly type: "changes"; readonly changes: readonly Change[] };

export interface StoreHealth {
  readonly state: "ok" | "degraded";
  /** Empty when all is well. */
  readonly message: string;
}

/**
 * Where nodes share identities, addresses and nodes: keys and values, with linearizable
 * compare-and-swap. Each kind of store passes `test/agent/store/store-cases.ts`.
 *
 * All methods reject with a `StoreError`; `unavailable` means that the same call may
 * succeed later, and that a write may have happened or not.
 */
export interface Store extends AsyncDisposable {
  readonly kind: "embedded" | "consul" | "etcd" | "kubernetes" | "mesh";
  readonly health: StoreHealth;
  get(key: string): Promise<Entry | null>;
  /** All keys that begin with the prefix, which ends in `/`; sorted by key. */
  list(prefix: string): Promise<readonly Entry[]>;
  put(key: string, value: string, options?: PutOptions): Promise<PutResult>;
  /** False when there is no such key, or when it is not at the condition's revision. */
  delete(key: string, condition?: { readonly revision: string }): Promise<boolean>;
  /** Tells everything under a prefix until the signal is aborted; then it ends without an error. */
  watch(prefix: string, signal: AbortSignal): AsyncIterable<WatchEvent>;
}

/** Longest key in characters, and longest value in bytes, that every kind of store takes. */
export const KEY_MAX = 512;
export const VALUE_MAX = 256 * 1024;

const KEY = /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/;

/** Whether a text can be a key: words of letters, digits, `.`, `_`, `-`, with `/` between them. */
export function isKey(text: string): boolean {
  return text.length <= KEY_MAX && KEY.test(text);
}
