import { type Backend, BackendError } from "./backend.ts";

/** Runs a call with the store's deadline. */
export type Bounded = <T>(task: (signal: AbortSignal) => Promise<T>) => Promise<T>;

/**
 * The session that keys of the node's lifetime go with, and what these keys are: when the
 * server has lost the session, there is a new one, and they are written again.
 */
export class NodeSession {
  readonly #backend: Backend;
  /** What every key of ours begins with. */
  readonly #prefix: string;
  readonly #keys = new Map<string, string>();
  #id: string | null = null;
  #opening: Promise<string> | null = null;

  constructor(backend: Backend, prefix: string) {
    this.#backend = backend;
    this.#prefix = prefix;
  }

  /** Renews the session, or makes a new one. */
  async keep(bounded: Bounded): Promise<void> {
    const id = this.#id;
    if (id !== null && (await bounded((signal) => this.#backend.renewSession(id, signal)))) return;
    this.lost(id);
    await this.current(bounded);
  }

  /** The session, which is opened when there is none. */
  current(bounded: Bounded): Promise<string> {
    if (this.#id !== null) return Promise.resolve(this.#id);
    this.#opening ??= this.#open(bounded).finally(() => (this.#opening = null));
    return this.#opening;
  }

  /** The server does not know this session. */
  lost(id: string | null): void {
    if (this.#id === id) this.#id = null;
  }

  /** A key has been written with the session. */
  remember(key: string, value: string): void {
    this.#keys.set(key, value);
  }

  /** A key is nobody's, or not of the node's lifetime any more. */
  forget(key: string): void {
    this.#keys.delete(key);
  }

  async #open(bounded: Bounded): Promise<string> {
    const id = await bounded((signal) => this.#backend.openSession(signal));
    const entries = await bounded((signal) => this.#backend.list(this.#prefix, signal));
    const present = new Map(entries.map((entry) => [entry.key, entry]));
    for (const [key, value] of this.#keys) {
      const found = present.get(key);
      if (found?.session === id) continue;
      if (found !== undefined && (found.session === null || found.value !== value)) this.#keys.delete(key);
      else await this.#restore(bounded, key, value, { id, revision: found?.revision ?? null });
    }
    // What an earlier life of the agent wrote is this node's as well.
    for (const { key, value, session } of entries) if (session === id) this.#keys.set(key, value);
    this.#id = id;
    return id;
  }

  async #restore(
    bounded: Bounded,
    key: string,
    value: string,
    { id, revision }: { readonly id: string; readonly revision: string | null },
  ): Promise<void> {
    const how = { condition: { revision }, session: id };
    const { ok } = await bounded((signal) => this.#backend.put(key, value, how, signal));
    if (!ok) {
      // Somebody was faster; whose it is now is told by the watch.
      this.#keys.delete(key);
    } else if (!this.#keys.has(key)) {
      // Deleted by its owner meanwhile.
      await bounded((signal) => this.#backend.delete(key, undefined, signal));
    }
  }
}

/** Whether a write failed because its session is gone. */
export function isSessionLost(error: unknown): boolean {
  return error instanceof BackendError && error.code === "session-lost";
}
