import { StoreError } from "#agent/store/errors.ts";
import type { Entry, PutOptions, PutResult, Store, StoreHealth, WatchEvent } from "#agent/store/store.ts";

/** A store whose calls fail when they are told to: before they have done anything, or after all is done. */
export class FailingStore implements Store {
  readonly kind = "embedded";
  readonly #store: Store;
  #calls = Number.POSITIVE_INFINITY;
  #isDone = false;

  constructor(store: Store) {
    this.#store = store;
  }

  get health(): StoreHealth {
    return this.#store.health;
  }

  /** Lets so many calls through, and then none. @param isDone the first that fails has done what was asked. */
  failAfter(calls: number, isDone: boolean): void {
    this.#calls = calls;
    this.#isDone = isDone;
  }

  get(key: string): Promise<Entry | null> {
    return this.#call(() => this.#store.get(key));
  }

  list(prefix: string): Promise<readonly Entry[]> {
    return this.#call(() => this.#store.list(prefix));
  }

  put(key: string, value: string, options?: PutOptions): Promise<PutResult> {
    return this.#call(() => this.#store.put(key, value, options));
  }

  delete(key: string, condition?: { readonly revision: string }): Promise<boolean> {
    return this.#call(() => this.#store.delete(key, condition));
  }

  watch(prefix: string, signal: AbortSignal): AsyncIterable<WatchEvent> {
    return this.#store.watch(prefix, signal);
  }

  /** The store behind it is somebody else's to close. */
  async [Symbol.asyncDispose](): Promise<void> {}

  async #call<T>(act: () => Promise<T>): Promise<T> {
    const left = this.#calls--;
    if (left > 0) return act();
    if (left === 0 && this.#isDone) await act();
    throw new StoreError("unavailable", { asked: "reach the store", obstacle: "the test has cut the line" });
  }
}
