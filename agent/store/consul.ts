import * as z from "zod";
import { type Backend, BackendError, type BackendPut, type HeldEntry } from "./backend.ts";
import { ConsulHttp } from "./consul-http.ts";
import type { ServerOptions } from "./remote-options.ts";
import type { Change, Condition, PutResult, WatchEvent } from "./store.ts";

/** How long a question for changes waits for one. Consul adds up to a sixteenth. */
const WAIT = "60s";

const pair = z.object({
  Key: z.string(),
  Value: z.base64().nullable(),
  ModifyIndex: z.int(),
  Session: z.string().optional(),
});
const pairs = z.array(pair);
const results = z.object({
  Results: z.array(z.object({ KV: z.object({ ModifyIndex: z.int() }) })).nullable(),
  Errors: z.array(z.object({ OpIndex: z.int(), What: z.string() })).nullish(),
});
const sessions = z.array(z.object({ ID: z.string(), Name: z.string() }));

/** Of a transaction; see Consul's API, "Transactions", "KV operations". */
type Operation = {
  readonly Verb: "check-index" | "check-not-exists" | "get" | "set" | "lock" | "delete";
  readonly Key: string;
  readonly Value?: string;
  readonly Index?: number;
  readonly Session?: string;
};

/**
 * Consul's HTTP API: 1.8 and newer. Every write is a transaction, because only these tell
 * the revision of what they wrote, and because a key that a session holds cannot be
 * written in one step: it is deleted and made again.
 */
export class ConsulBackend implements Backend {
  readonly kind = "consul";
  readonly #options: ServerOptions;
  readonly #name: string;
  #next = 0;
  #http: ConsulHttp | null = null;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#name = `weir ${options.prefix} ${options.node}`;
  }

  get address(): string {
    const { addresses } = this.#options;
    return addresses[this.#next % addresses.length] as string;
  }

  async get(key: string, signal: AbortSignal): Promise<HeldEntry | null> {
    const { entries } = await this.#read(`kv/${key}?consistent`, signal);
    return entries[0] ?? null;
  }

  async list(prefix: string, signal: AbortSignal): Promise<readonly HeldEntry[]> {
    return (await this.#read(`kv/${prefix}?consistent&recurse`, signal)).entries;
  }

  async put(key: string, value: string, { condition, session }: BackendPut, signal: AbortSignal): Promise<PutResult> {
    const content = { Key: key, Value: Buffer.from(value, "utf8").toString("base64") };
    const operations: Operation[] = [
      ...(condition === undefined ? [] : [check(key, condition)]),
      { Verb: "delete", Key: key },
      session === null ? { Verb: "set", ...content } : { Verb: "lock", ...content, Session: session },
    ];
    const written = await this.#transact(operations, signal);
    if (!written.ok) {
      if (written.failed.Verb !== "lock" && condition !== undefined) {
        return { ok: false, current: await this.get(key, signal) };
      }
      throw new BackendError(written.failed.Verb === "lock" ? "session-lost" : "unavailable", written.reason);
    }
    return { ok: true, entry: { key, value, revision: String(written.revisions.at(-1)) } };
  }

  async delete(key: string, condition: Condition | undefined, signal: AbortSignal): Promise<boolean> {
    const expected: Operation = condition === undefined ? { Verb: "get", Key: key } : check(key, condition);
    return (await this.#transact([expected, { Verb: "delete", Key: key }], signal)).ok;
  }

  async *watch(prefix: string, signal: AbortSignal): AsyncIterable<WatchEvent> {
    const path = `kv/${prefix}?consistent&recurse`;
    let { entries, index } = await this.#read(path, signal);
    yield { type: "snapshot", entries };
    let before = revisions(entries);
    for (;;) {
      const answer = await this.#read(`${path}&index=${index}&wait=${WAIT}`, signal);
      ({ entries } = answer);
      // Data of earlier, in which a revision may stand for something else.
      if (answer.index < index) throw new BackendError("unavailable", "Consul's data has been replaced");
      index = answer.index;
      const after = revisions(entries);
      const changes: Change[] = [
        ...before
          .keys()
          .filter((key) => !after.has(key))
          .map((key): Change => ({ type: "delete", key })),
        ...entries
          .filter(({ key, revision }) => before.get(key) !== revision)
          .map((entry): Change => ({ type: "put", entry })),
      ];
      before = after;
      if (changes.length > 0) yield { type: "changes", changes };
    }
  }

  async openSession(signal: AbortSignal): Promise<string> {
    const listed = await this.#ask("GET", "session/list?consistent", signal);
    const found = parse(sessions, listed.text).find(({ Name }) => Name === this.#name);
    if (found !== undefined && (await this.renewSession(found.ID, signal))) return found.ID;
    const body = {
      Name: this.#name,
      TTL: `${this.#options.lifetime}s`,
      Behavior: "delete",
      // Keys are free as soon as the session ends; else nobody could write them for a while.
      LockDelay: "0s",
      // Only the time counts, not whether the machine that Consul runs on is well.
      Checks: [],
    };
    const created = await this.#ask("PUT", "session/create", signal, body);
    return parse(z.object({ ID: z.string() }), created.text).ID;
  }

  async renewSession(session: string, signal: AbortSignal): Promise<boolean> {
    return (await this.#ask("PUT", `session/renew/${session}`, signal)).status === 200;
  }

  reconnect(): void {
    this[Symbol.dispose]();
    this.#next++;
  }

  [Symbol.dispose](): void {
    this.#http?.[Symbol.dispose]();
    this.#http = null;
  }

  async #read(path: string, signal: AbortSignal): Promise<{ entries: readonly HeldEntry[]; index: bigint }> {
    const { status, text, index } = await this.#ask("GET", path, signal);
    // The index of nothing is 0, and to wait for a change after 0 is not to wait: Consul begins with 1.
    const asOf = index === null || index < 1n ? 1n : index;
    if (status === 404) return { entries: [], index: asOf };
    return {
      entries: parse(pairs, text)
        .map(entryOf)
        .sort((a, b) => (a.key < b.key ? -1 : 1)),
      index: asOf,
    };
  }

  /** All of the operations, or none. */
  async #transact(
    operations: readonly Operation[],
    signal: AbortSignal,
  ): Promise<
    | { readonly ok: true; readonly revisions: readonly number[] }
    | { readonly ok: false; readonly failed: Operation; readonly reason: string }
  > {
    const body = operations.map((KV) => ({ KV }));
    const { status, text } = await this.#ask("PUT", "txn", signal, body);
    const { Results, Errors } = parse(results, text);
    if (status === 200) return { ok: true, revisions: (Results ?? []).map(({ KV }) => KV.ModifyIndex) };
    const { OpIndex, What } = Errors?.[0] ?? { OpIndex: -1, What: text };
    const failed = operations[OpIndex];
    // Consul says so in the same way as that a check has failed.
    if (/permission denied/i.test(What)) throw new BackendError("refused", What);
    if (failed === undefined) throw new BackendError("unavailable", What);
    return { ok: false, failed, reason: What };
  }

  #ask(method: "GET" | "PUT", path: string, signal: AbortSignal, body?: unknown) {
    this.#http ??= new ConsulHttp(this.address, this.#options);
    return this.#http.ask({ method, path, signal, ...(body === undefined ? {} : { body }) });
  }
}

function check(key: string, { revision }: Condition): Operation {
  return revision === null
    ? { Verb: "check-not-exists", Key: key }
    : { Verb: "check-index", Key: key, Index: Number(revision) };
}

function entryOf({ Key, Value, ModifyIndex, Session }: z.infer<typeof pair>): HeldEntry {
  return {
    key: Key,
    value: Buffer.from(Value ?? "", "base64").toString("utf8"),
    revision: String(ModifyIndex),
    session: Session ?? null,
  };
}

function revisions(entries: readonly HeldEntry[]): ReadonlyMap<string, string> {
  return new Map(entries.map(({ key, revision }) => [key, revision]));
}

/** @throws BackendError when the answer is not Consul's. */
function parse<T>(schema: z.ZodType<T>, text: string): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new BackendError("unavailable", `the answer is not Consul's: ${text.slice(0, 200)}`, { cause: error });
  }
}
