import * as z from "zod";
import { Journal } from "#agent/runtime/journal.ts";
import { StoreError } from "./errors.ts";
import { checkKey, checkValue } from "./limits.ts";
import type { Change, Condition, Entry, PutOptions, PutResult, Store, StoreHealth, WatchEvent } from "./store.ts";
import { Watcher } from "./watcher.ts";

/** `v` null: the key is gone. A record without a key keeps the count of revisions over a rewrite. */
const record = z.object({ r: z.int(), k: z.string().optional(), v: z.string().nullable().optional() });
type Record = z.infer<typeof record>;

/** Lines beyond what is alive that the file may have before it is written anew. */
const SLACK = 4096;

/**
 * The store of a node that shares with nobody: a map in memory and a journal on disk.
 *
 * A write is in the file when its promise resolves, and survives the death of the
 * process. It is not forced to the disk: after a loss of power the kernel's maps and the
 * pods that these keys speak of are gone as well. Keys of the node's lifetime stay: the
 * node is gone only when its folder is.
 */
export class EmbeddedStore implements Store {
  readonly kind = "embedded";
  readonly #journal: Journal<Record>;
  readonly #entries: Map<string, Entry>;
  readonly #watchers = new Set<Watcher>();
  #revision: number;
  #closed = false;

  private constructor(journal: Journal<Record>, entries: Map<string, Entry>, revision: number) {
    this.#journal = journal;
    this.#entries = entries;
    this.#revision = revision;
  }

  /**
   * @param path of the journal.
   * @throws JournalError when the file is damaged other than at its end.
   */
  static open(path: string): EmbeddedStore {
    const { journal, records } = Journal.open(path, record);
    const entries = new Map<string, Entry>();
    let revision = 0;
    for (const { r, k, v } of records) {
      revision = r;
      if (k === undefined) continue;
      if (typeof v === "string") entries.set(k, { key: k, value: v, revision: String(r) });
      else entries.delete(k);
    }
    return new EmbeddedStore(journal, entries, revision);
  }

  get health(): StoreHealth {
    return this.#closed ? { state: "degraded", message: "the store is closed" } : { state: "ok", message: "" };
  }

  async get(key: string): Promise<Entry | null> {
    this.#check("read", key);
    return this.#entries.get(key) ?? null;
  }

  async list(prefix: string): Promise<readonly Entry[]> {
    this.#check("list", prefix.slice(0, -1));
    return this.#under(prefix);
  }

  async put(key: string, value: string, { condition }: PutOptions = {}): Promise<PutResult> {
    this.#check("write", key);
    checkValue(`write ${key}`, value);
    const current = this.#entries.get(key) ?? null;
    if (!holds(condition, current)) return { ok: false, current };
    const entry = { key, value, revision: String(this.#append(key, value)) };
    this.#entries.set(key, entry);
    this.#tell({ type: "put", entry });
    return { ok: true, entry };
  }

  async delete(key: string, condition?: { readonly revision: string }): Promise<boolean> {
    this.#check("delete", key);
    const current = this.#entries.get(key) ?? null;
    if (current === null || !holds(condition, current)) return false;
    this.#append(key, null);
    this.#entries.delete(key);
    this.#tell({ type: "delete", key });
    return true;
  }

  async *watch(prefix: string, signal: AbortSignal): AsyncIterable<WatchEvent> {
    this.#check("watch", prefix.slice(0, -1));
    const watcher = new Watcher(prefix, () => this.#under(prefix), signal);
    this.#watchers.add(watcher);
    try {
      yield* watcher.events();
    } finally {
      this.#watchers.delete(watcher);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const watcher of this.#watchers) watcher.end();
    this.#journal[Symbol.dispose]();
  }

  #check(verb: string, key: string): void {
    const asked = `${verb} ${key}`;
    if (this.#closed) throw new StoreError("closed", { asked, obstacle: "the store is closed" });
    checkKey(asked, key);
  }

  #under(prefix: string): readonly Entry[] {
    return [...this.#entries.values()]
      .filter(({ key }) => key.startsWith(prefix))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  #append(key: string, value: string | null): number {
    if (this.#journal.length > 2 * this.#entries.size + SLACK) {
      const alive = [...this.#entries.values()].map((entry) => ({
        r: Number(entry.revision),
        k: entry.key,
        v: entry.value,
      }));
      this.#journal.rewrite([...alive, { r: this.#revision }]);
    }
    const r = ++this.#revision;
    this.#journal.append({ r, k: key, v: value });
    return r;
  }

  #tell(change: Change): void {
    for (const watcher of this.#watchers) watcher.tell(change);
  }
}

function holds(condition: Condition | undefined, current: Entry | null): boolean {
  return condition === undefined || condition.revision === (current?.revision ?? null);
}
