import { createHash } from "node:crypto";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Client, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { reasonOf } from "#agent/runtime/errors.ts";
import { type Backend, BackendError, type BackendPut, type HeldEntry } from "./backend.ts";
import {
  Auth,
  Compare_CompareTarget,
  type Event,
  Event_EventType,
  KV,
  type KeyValue,
  Lease,
  type RangeResponse,
  type RequestOpSchema,
  type TxnRequest,
  TxnRequestSchema,
  Watch,
  WatchRequestSchema,
} from "./etcd.gen.ts";
import type { ServerOptions } from "./remote-options.ts";
import { readSecret, readTls } from "./server-files.ts";
import type { Change, Condition, PutResult, WatchEvent } from "./store.ts";

interface Connection {
  readonly manager: Http2SessionManager;
  readonly kv: Client<typeof KV>;
  readonly watch: Client<typeof Watch>;
  readonly lease: Client<typeof Lease>;
  readonly auth: Client<typeof Auth>;
}

const bytes = (text: string): Uint8Array => Buffer.from(text, "utf8");
const text = (value: Uint8Array): string => Buffer.from(value).toString("utf8");
/** The first key after all that begin with a prefix, whose last character is `/`. */
const endOf = (prefix: string): Uint8Array => bytes(`${prefix.slice(0, -1)}0`);

/** etcd's v3 API by gRPC: 3.4 and newer. A session is a lease whose number follows from the node's name. */
export class EtcdBackend implements Backend {
  readonly kind = "etcd";
  readonly #options: ServerOptions;
  readonly #lease: bigint;
  #next = 0;
  #connection: Connection | null = null;
  #token: string | null = null;

  constructor(options: ServerOptions) {
    this.#options = options;
    const digest = createHash("sha256").update(`weir ${options.prefix} ${options.node}`).digest();
    // Positive, as etcd wants it, and never 0, which is no lease.
    this.#lease = (digest.readBigUInt64BE() >> 1n) | 1n;
  }

  get address(): string {
    const { addresses } = this.#options;
    return addresses[this.#next % addresses.length] as string;
  }

  async get(key: string, signal: AbortSignal): Promise<HeldEntry | null> {
    const { kvs } = await this.#ask(({ kv }) => kv.range({ key: bytes(key) }, { signal }));
    return kvs[0] === undefined ? null : entryOf(kvs[0]);
  }

  async list(prefix: string, signal: AbortSignal): Promise<readonly HeldEntry[]> {
    return (await this.#range(prefix, signal)).kvs.map(entryOf);
  }

  async put(key: string, value: string, { condition, session }: BackendPut, signal: AbortSignal): Promise<PutResult> {
    const lease = session === null ? 0n : BigInt(session);
    const put = { key: bytes(key), value: bytes(value), lease };
    const { succeeded, header, current } = await this.#transact(
      key,
      condition,
      { case: "requestPut", value: put },
      signal,
    );
    if (!succeeded) return { ok: false, current };
    return { ok: true, entry: { key, value, revision: String(header) } };
  }

  async delete(key: string, condition: Condition | undefined, signal: AbortSignal): Promise<boolean> {
    const { deleted } = await this.#transact(
      key,
      condition,
      { case: "requestDeleteRange", value: { key: bytes(key) } },
      signal,
    );
    return deleted;
  }

  async *watch(prefix: string, signal: AbortSignal): AsyncIterable<WatchEvent> {
    const range = await this.#range(prefix, signal);
    yield { type: "snapshot", entries: range.kvs.map(entryOf) };
    const startRevision = (range.header?.revision ?? 0n) + 1n;
    const request = create(WatchRequestSchema, {
      requestUnion: {
        case: "createRequest",
        value: { key: bytes(prefix), rangeEnd: endOf(prefix), startRevision, fragment: true },
      },
    });
    using cut = linked(signal);
    try {
      for await (const response of this.#connect().watch.watch(sendOnce(request, cut.signal), { signal: cut.signal })) {
        if (response.canceled) {
          const reason = response.compactRevision > 0n ? "its revision has been compacted" : response.cancelReason;
          throw new BackendError("unavailable", `the watch was cancelled: ${reason}`);
        }
        if (response.events.length > 0) yield { type: "changes", changes: response.events.flatMap(changeOf) };
      }
    } catch (error) {
      throw backendError(error);
    }
    throw new BackendError("unavailable", "the watch ended");
  }

  async openSession(signal: AbortSignal): Promise<string> {
    const id = String(this.#lease);
    if (await this.renewSession(id, signal)) return id;
    const grant = { ID: this.#lease, TTL: BigInt(this.#options.lifetime) };
    await this.#ask(({ lease }) => lease.leaseGrant(grant, { signal }));
    return id;
  }

  async renewSession(session: string, signal: AbortSignal): Promise<boolean> {
    return this.#ask(async ({ lease }) => {
      using cut = linked(signal);
      const request = { ID: BigInt(session) };
      for await (const { TTL } of lease.leaseKeepAlive(sendOnce(request, cut.signal), { signal: cut.signal })) {
        return TTL > 0n;
      }
      throw new BackendError("unavailable", "the lease's stream ended");
    });
  }

  reconnect(): void {
    this.#drop();
    this.#next++;
  }

  [Symbol.dispose](): void {
    this.#drop();
  }

  #drop(): void {
    this.#connection?.manager.abort(new BackendError("unavailable", "the connection was dropped"));
    this.#connection = null;
    this.#token = null;
  }

  #range(prefix: string, signal: AbortSignal): Promise<RangeResponse> {
    return this.#ask(({ kv }) => kv.range({ key: bytes(prefix), rangeEnd: endOf(prefix) }, { signal }));
  }

  async #transact(
    key: string,
    condition: Condition | undefined,
    request: NonNullable<MessageInitShape<typeof RequestOpSchema>["request"]>,
    signal: AbortSignal,
  ): Promise<{ succeeded: boolean; deleted: boolean; header: bigint; current: HeldEntry | null }> {
    const compare = condition === undefined ? [] : [comparison(key, condition)];
    const failure = [{ request: { case: "requestRange" as const, value: { key: bytes(key) } } }];
    const transaction: TxnRequest = create(TxnRequestSchema, { compare, success: [{ request }], failure });
    const { succeeded, header, responses } = await this.#ask(({ kv }) => kv.txn(transaction, { signal }));
    const response = responses[0]?.response;
    const found = response?.case === "responseRange" ? response.value.kvs[0] : undefined;
    return {
      succeeded,
      deleted: response?.case === "responseDeleteRange" && response.value.deleted > 0n,
      header: header?.revision ?? 0n,
      current: found === undefined ? null : entryOf(found),
    };
  }

  /** One call, once more where the token of our password had run out: it was not done then. */
  async #ask<T>(call: (connection: Connection) => Promise<T>): Promise<T> {
    try {
      await this.#authenticate();
      return await call(this.#connect());
    } catch (error) {
      if (this.#token === null || !isTokenOld(error)) throw backendError(error);
    }
    this.#token = null;
    try {
      await this.#authenticate();
      return await call(this.#connect());
    } catch (error) {
      throw backendError(error);
    }
  }

  async #authenticate(): Promise<void> {
    const { user: name, passwordFile } = this.#options;
    if (name === null || this.#token !== null) return;
    const password = passwordFile === null ? "" : readSecret(passwordFile);
    const { token } = await this.#connect().auth.authenticate({ name, password });
    this.#token = token;
  }

  #connect(): Connection {
    if (this.#connection !== null) return this.#connection;
    const baseUrl = this.address;
    const manager = new Http2SessionManager(baseUrl, {}, baseUrl.startsWith("https:") ? readTls(this.#options) : {});
    const headers: Interceptor = (next) => (request) => {
      // Without it, a member that is cut off from the others would keep a watch open, and silent.
      request.header.set("hasleader", "true");
      if (this.#token !== null) request.header.set("token", this.#token);
      return next(request);
    };
    const transport = createGrpcTransport({ baseUrl, sessionManager: manager, interceptors: [headers] });
    this.#connection = {
      manager,
      kv: createClient(KV, transport),
      watch: createClient(Watch, transport),
      lease: createClient(Lease, transport),
      auth: createClient(Auth, transport),
    };
    return this.#connection;
  }
}

function entryOf({ key, value, modRevision, lease }: KeyValue): HeldEntry {
  const session = lease === 0n ? null : String(lease);
  return { key: text(key), value: text(value), revision: String(modRevision), session };
}

function changeOf({ type, kv }: Event): Change[] {
  if (kv === undefined) return [];
  if (type === Event_EventType.DELETE) return [{ type: "delete", key: text(kv.key) }];
  return [{ type: "put", entry: entryOf(kv) }];
}

/** A key that is not there has the revision 0. */
function comparison(key: string, { revision }: Condition) {
  const modRevision = revision === null ? 0n : BigInt(revision);
  return {
    target: Compare_CompareTarget.MOD,
    key: bytes(key),
    targetUnion: { case: "modRevision" as const, value: modRevision },
  };
}

/** One message on a stream that stays open until the signal. */
async function* sendOnce<T>(message: T, signal: AbortSignal): AsyncIterable<T> {
  yield message;
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** A controller that is aborted with the signal, and at the end of its scope. */
function linked(signal: AbortSignal): AbortController & Disposable {
  const cut = new AbortController();
  const abort = (): void => cut.abort();
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  return Object.assign(cut, {
    [Symbol.dispose]: () => {
      signal.removeEventListener("abort", abort);
      abort();
    },
  });
}

function isTokenOld(error: unknown): boolean {
  return (
    error instanceof ConnectError &&
    (error.code === Code.Unauthenticated || error.rawMessage.includes("revision of auth store is old"))
  );
}

/** etcd's words begin with its name. */
function backendError(error: unknown): unknown {
  if (!(error instanceof ConnectError)) return error;
  const reason = error.cause instanceof Error && error.rawMessage === "" ? reasonOf(error.cause) : error.rawMessage;
  const message = reason.replace(/^etcdserver: /, "");
  const options = { cause: error };
  if (error.code === Code.NotFound && message.includes("lease not found")) {
    return new BackendError("session-lost", message, options);
  }
  const refusals: readonly Code[] = [Code.Unauthenticated, Code.PermissionDenied, Code.InvalidArgument];
  return new BackendError(refusals.includes(error.code) ? "refused" : "unavailable", message, options);
}
