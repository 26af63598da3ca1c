import { createConnection, createServer, type Server } from "node:net";
import { createInterface } from "node:readline";
import { reasonOf } from "#agent/runtime/errors.ts";
import { StoreError } from "#agent/store/errors.ts";
import type { Entry, PutOptions, PutResult, Store, WatchEvent } from "#agent/store/store.ts";

type Method = "get" | "list" | "put" | "delete";
type Call = { readonly id: number; readonly method: Method; readonly args: readonly unknown[] };
type Answer = { readonly id: number; readonly result?: unknown; readonly error?: string };

/** Serves a store to other processes: one JSON object a line, there and back. */
export function serveStore(store: Store, path: string): Promise<Server> {
  const server = createServer((socket) => {
    const lines = createInterface({ input: socket });
    // A client that is killed while it is answered.
    for (const emitter of [socket, lines]) emitter.on("error", () => socket.destroy());
    lines.on("line", (line) => {
      const { id, method, args } = JSON.parse(line) as Call;
      const act = store[method].bind(store) as (...given: readonly unknown[]) => Promise<unknown>;
      const send = (answer: Omit<Answer, "id">): void => void socket.write(`${JSON.stringify({ id, ...answer })}\n`);
      act(...args).then(
        (result) => send({ result }),
        (error: unknown) => send({ error: reasonOf(error) }),
      );
    });
  });
  const { promise, resolve, reject } = Promise.withResolvers<Server>();
  server.once("error", reject).listen(path, () => resolve(server));
  return promise;
}

/** The store that another process serves. */
export class SocketStore implements Store {
  readonly kind = "embedded";
  readonly health = { state: "ok", message: "" } as const;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #socket: ReturnType<typeof createConnection>;
  #calls = 0;

  constructor(path: string) {
    this.#socket = createConnection(path);
    createInterface({ input: this.#socket }).on("line", (line) => {
      const answer = JSON.parse(line) as Answer;
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
  }

  get(key: string): Promise<Entry | null> {
    return this.#call("get", key);
  }

  list(prefix: string): Promise<readonly Entry[]> {
    return this.#call("list", prefix);
  }

  put(key: string, value: string, options?: PutOptions): Promise<PutResult> {
    return this.#call("put", key, value, options);
  }

  delete(key: string, condition?: { readonly revision: string }): Promise<boolean> {
    return this.#call("delete", key, condition);
  }

  watch(): AsyncIterable<WatchEvent> {
    throw new Error("watch a store over a socket: that is not served");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
  }

  async #call<T>(method: Method, ...args: readonly unknown[]): Promise<T> {
    const id = ++this.#calls;
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#waiting.set(id, resolve);
    this.#socket.write(`${JSON.stringify({ id, method, args } satisfies Call)}\n`);
    const { result, error } = await promise;
    if (error !== undefined) throw new StoreError("unavailable", { asked: `${method} over a socket`, obstacle: error });
    return result as T;
  }
}
