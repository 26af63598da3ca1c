import { Backoff } from "#agent/runtime/backoff.ts";
import { pause } from "#agent/runtime/clock.ts";
import { reasonOf } from "#agent/runtime/errors.ts";
import { type Backend, BackendError } from "./backend.ts";
import { StoreError } from "./errors.ts";
import { checkKey, checkValue } from "./limits.ts";
import { type Bounded, isSessionLost, NodeSession } from "./node-session.ts";
import type { RemoteOptions } from "./remote-options.ts";
import type { Change, Condition, Entry, PutOptions, PutResult, Store, StoreHealth, WatchEvent } from "./store.ts";

const DEADLINE = 5_000;
/** While the server is known to be away: who asks is to hear of it soon, and may be one of many that wait. */
const DEADLINE_AWAY = 1_000;
const INTERVAL = 10_000;
const WAIT_MOST = 5_000;

/**
 * A store on a server, by its {@link Backend}: deadlines, health, the node's session, and
 * watches that begin anew when their connection breaks.
 *
 * It is there at once, whether the server is or not. Nothing is repeated but what only
 * reads, so a write that rejects with `unavailable` may have happened or not.
 */
export class RemoteStore implements Store {
  readonly #backend: Backend;
  readonly #options: RemoteOptions;
  readonly #root: string;
  readonly #session: NodeSession;
  readonly #stop = new AbortController();
  readonly #pending = new Set<AbortController>();
  readonly #keeping: Promise<void>;
  #wake: (() => void) | null = null;
  /** Since when the server is away, and why; null: it has answered. */
  #away: { readonly since: Date; readonly reason: string } | null;

  constructor(backend: Backend, options: RemoteOptions) {
    this.#backend = backend;
    this.#options = options;
    this.#root = `${options.server.prefix}/`;
    this.#session = new NodeSession(backend, this.#root);
    this.#away = { since: options.clock.now(), reason: "it has not answered yet" };
    this.#keeping = this.#keep();
  }

  get kind(): Store["kind"] {
    return this.#backend.kind;
  }

  get health(): StoreHealth {
    if (this.#stop.signal.aborted) return { state: "degraded", message: "the store is closed" };
    if (this.#away === null) return { state: "ok", message: "" };
    const { since, reason } = this.#away;
    const at = this.#options.server.addresses.join(", ");
    return {
      state: "degraded",
      message: `the store, ${this.kind} at ${at}, is away since ${since.toISOString()}: ${reason}; what is in force stays, and what needs the store has to wait`,
    };
  }

  async get(key: string): Promise<Entry | null> {
    const asked = `read ${key}`;
    checkKey(asked, key);
    const found = await this.#call(asked, (bounded) =>
      bounded((signal) => this.#backend.get(this.#root + key, signal)),
    );
    return found === null ? null : this.#inner(found);
  }

  async list(prefix: string): Promise<readonly Entry[]> {
    const asked = `list ${prefix}`;
    checkKey(asked, prefix.slice(0, -1));
    const found = await this.#call(asked, (bounded) =>
      bounded((signal) => this.#backend.list(this.#root + prefix, signal)),
    );
    return found.map((entry) => this.#inner(entry));
  }

  async put(key: string, value: string, { condition, lifetime }: PutOptions = {}): Promise<PutResult> {
    const asked = `write ${key}`;
    checkKey(asked, key);
    checkValue(asked, value);
    const whole = this.#root + key;
    const result = await this.#call(asked, async (bounded) => {
      if (lifetime !== "node") {
        this.#session.forget(whole);
        return bounded((signal) => this.#backend.put(whole, value, { condition, session: null }, signal));
      }
      return this.#putWithSession(whole, value, condition, bounded);
    });
    if (result.ok) return { ok: true, entry: this.#inner(result.entry) };
    return { ok: false, current: result.current === null ? null : this.#inner(result.current) };
  }

  async delete(key: string, condition?: { readonly revision: string }): Promise<boolean> {
    const asked = `delete ${key}`;
    checkKey(asked, key);
    const whole = this.#root + key;
    const deleted = await this.#call(asked, (bounded) => {
      if (condition === undefined) this.#session.forget(whole);
      return bounded((signal) => this.#backend.delete(whole, condition, signal));
    });
    if (deleted) this.#session.forget(whole);
    return deleted;
  }

  async *watch(prefix: string, signal: AbortSignal): AsyncIterable<WatchEvent> {
    const asked = `watch ${prefix}`;
    checkKey(asked, prefix.slice(0, -1));
    this.#checkOpen(asked);
    using cut = this.#cut(signal);
    const backoff = new Backoff({ most: WAIT_MOST });
    while (!cut.signal.aborted) {
      try {
        for await (const event of this.#backend.watch(this.#root + prefix, cut.signal)) {
          this.#answered();
          backoff.reset();
          yield this.#innerEvent(event);
        }
      } catch (error) {
        if (cut.signal.aborted) return;
        if (!(error instanceof BackendError)) throw error;
        this.#options.log.debug({ err: error, prefix }, "a watch broke; it begins anew");
        this.#wake?.();
      }
      await this.#sleep(backoff.next(), cut.signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    this.#wake?.();
    for (const cut of this.#pending) cut.abort();
    await this.#keeping;
    this.#backend[Symbol.dispose]();
  }

  /** Asks again and again whether the server is there, by renewing the node's session. */
  async #keep(): Promise<void> {
    const { interval = INTERVAL, deadline = DEADLINE, server } = this.#options;
    const between = Math.min(interval, (server.lifetime * 1_000) / 3);
    const backoff = new Backoff({ most: WAIT_MOST });
    while (!this.#stop.signal.aborted) {
      let wait = between;
      try {
        await this.#session.keep((task) => this.#bounded(task, deadline));
        this.#answered();
        backoff.reset();
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#failed(error);
        if (isUnavailable(error)) this.#backend.reconnect();
        wait = backoff.next();
      }
      await this.#sleep(wait, this.#stop.signal);
    }
  }

  async #putWithSession(
    key: string,
    value: string,
    condition: Condition | undefined,
    bounded: Bounded,
  ): Promise<PutResult> {
    const attempt = async (): Promise<PutResult> => {
      const session = await this.#session.current(bounded);
      try {
        const result = await bounded((signal) => this.#backend.put(key, value, { condition, session }, signal));
        if (result.ok) this.#session.remember(key, value);
        return result;
      } catch (error) {
        if (isSessionLost(error)) this.#session.lost(session);
        throw error;
      }
    };
    try {
      return await attempt();
    } catch (error) {
      if (!isSessionLost(error)) throw error;
      return attempt();
    }
  }

  /** One call of the store's user: all that it does together has one deadline. */
  async #call<T>(asked: string, run: (bounded: Bounded) => Promise<T>): Promise<T> {
    this.#checkOpen(asked);
    const end = performance.now() + this.#deadline();
    try {
      const result = await run((task) => this.#bounded(task, end - performance.now()));
      this.#answered();
      return result;
    } catch (error) {
      this.#checkOpen(asked);
      if (!(error instanceof BackendError)) throw error;
      // One call may have bad luck; whether the server is away is found out by asking it.
      this.#wake?.();
      const obstacle = `${this.kind} at ${this.#backend.address}: ${error.message}`;
      const code = error.code === "refused" ? "refused" : "unavailable";
      const remedy =
        code === "refused" ? "see to it that this node may do that in the store" : "it is worth trying again later";
      throw new StoreError(code, { asked, obstacle, remedy }, { cause: error });
    }
  }

  #deadline(): number {
    const { deadline = DEADLINE } = this.#options;
    return this.#away === null ? deadline : Math.min(deadline, DEADLINE_AWAY);
  }

  /** Rejects when the time is over or the store is closed, whatever the task does. */
  async #bounded<T>(task: (signal: AbortSignal) => Promise<T>, milliseconds: number): Promise<T> {
    using cut = this.#cut();
    const tooLate = new BackendError("unavailable", `no answer within ${Math.round(milliseconds)} ms`);
    const timer = setTimeout(() => cut.abort(tooLate), Math.max(milliseconds, 1));
    const { promise: over, reject } = Promise.withResolvers<never>();
    cut.signal.addEventListener("abort", () => reject(cut.signal.reason as Error), { once: true });
    if (cut.signal.aborted) reject(cut.signal.reason as Error);
    try {
      return await Promise.race([task(cut.signal), over]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** A controller that ends with the store, and with the signal if there is one. */
  #cut(signal?: AbortSignal): AbortController & Disposable {
    const cut = new AbortController();
    const abort = (): void => cut.abort(new BackendError("unavailable", "the store is closed"));
    this.#pending.add(cut);
    signal?.addEventListener("abort", abort, { once: true });
    if (this.#stop.signal.aborted || signal?.aborted === true) abort();
    return Object.assign(cut, {
      [Symbol.dispose]: () => {
        this.#pending.delete(cut);
        signal?.removeEventListener("abort", abort);
        abort();
      },
    });
  }

  /** Ends early when the signal is aborted, or when there is something to find out. */
  async #sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    const early = new AbortController();
    const stop = (): void => early.abort();
    signal.addEventListener("abort", stop, { once: true });
    if (signal === this.#stop.signal) this.#wake = this.#away === null ? stop : null;
    try {
      if (!signal.aborted) await pause(this.#options.clock, milliseconds, early.signal);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  #answered(): void {
    if (this.#away === null) return;
    this.#away = null;
    this.#options.log.info({ kind: this.kind, address: this.#backend.address }, "the store answers");
  }

  #failed(error: unknown): void {
    const reason = reasonOf(error);
    const { since } = this.#away ?? { since: this.#options.clock.now() };
    const isNew = this.#away?.reason !== reason;
    this.#away = { since, reason };
    if (isNew) this.#options.log.warn({ kind: this.kind, address: this.#backend.address, reason }, "the store is away");
  }

  #checkOpen(asked: string): void {
    if (this.#stop.signal.aborted) throw new StoreError("closed", { asked, obstacle: "the store is closed" });
  }

  #inner({ key, value, revision }: Entry): Entry {
    return { key: key.slice(this.#root.length), value, revision };
  }

  #innerEvent(event: WatchEvent): WatchEvent {
    if (event.type === "snapshot") return { type: "snapshot", entries: event.entries.map((one) => this.#inner(one)) };
    const changes = event.changes.map((change): Change =>
      change.type === "put"
        ? { type: "put", entry: this.#inner(change.entry) }
        : { type: "delete", key: change.key.slice(this.#root.length) },
    );
    return { type: "changes", changes };
  }
}

function isUnavailable(error: unknown): boolean {
  return error instanceof BackendError && error.code === "unavailable";
}
