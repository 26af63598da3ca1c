import { systemClocks } from "libbpf-ts";
import { afterAll, beforeAll, beforeEach, onTestFinished } from "vitest";
import type { Backend } from "#agent/store/backend.ts";
import type { RemoteOptions, ServerOptions } from "#agent/store/remote-options.ts";
import { RemoteStore } from "#agent/store/remote-store.ts";
import { SystemClock } from "#agent/runtime/clock.ts";
import { unmet } from "#test/support/requirement.ts";
import { type ServerKind, StoreServer, type StoreServerOptions } from "#test/support/store-server.ts";
import { silentLog } from "#test/support/silent-log.ts";

/** What a kind of store is tested with. */
export interface RemoteKind {
  readonly server: ServerKind;
  backend(options: ServerOptions): Backend;
  /** Ends every session of the server, as if they had not been renewed in time. */
  endSessions(server: StoreServer): Promise<void>;
}

/** One server for all tests of a file, or each of them skipped with the reason. */
export function useStoreServer(kind: ServerKind, options: StoreServerOptions = {}): () => StoreServer {
  const reason = unmet(kind.name);
  let server: StoreServer | undefined;
  beforeAll(async () => {
    if (reason === undefined) server = await StoreServer.start(kind, options);
  });
  afterAll(async () => server?.[Symbol.asyncDispose]());
  beforeEach((context) => {
    if (reason !== undefined) context.skip(reason);
  });
  return () => {
    if (server === undefined) throw new Error("use store server: it has not been started");
    return server;
  };
}

export type ClientOptions = Partial<ServerOptions> & Pick<RemoteOptions, "deadline" | "interval">;

let count = 0;

/** A prefix that no other test has. */
export function freshPrefix(): string {
  return `test-${process.pid}-${++count}`;
}

/** A client of a server, closed with the test at the latest. Impatient: tests of failures wait for it. */
export function openClient(kind: RemoteKind, { deadline, interval, ...server }: ClientOptions): RemoteStore {
  const options: ServerOptions = {
    addresses: [],
    prefix: freshPrefix(),
    node: `n${++count}`,
    ca: null,
    certificate: null,
    key: null,
    user: null,
    passwordFile: null,
    tokenFile: null,
    lifetime: 60,
    ...server,
  };
  const store = new RemoteStore(kind.backend(options), {
    server: options,
    clock: new SystemClock(systemClocks),
    log: silentLog(),
    deadline: deadline ?? 2_000,
    interval: interval ?? 200,
  });
  onTestFinished(() => store[Symbol.asyncDispose]());
  return store;
}
