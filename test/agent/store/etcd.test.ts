import { expect, test } from "vitest";
import { EtcdBackend } from "#agent/store/etcd.ts";
import { etcdKind } from "#test/support/store-server.ts";
import { serverCases } from "./server-cases.ts";
import { storeCases } from "./store-cases.ts";
import { freshPrefix, openClient, type RemoteKind, useStoreServer } from "./use-store-server.ts";

const kind: RemoteKind = {
  server: etcdKind,
  backend: (options) => new EtcdBackend(options),
  endSessions: async (server) => {
    const answer = JSON.parse(await server.ask("/v3/lease/leases", { method: "POST", body: "{}" })) as {
      leases?: { ID: string }[];
    };
    for (const { ID } of answer.leases ?? []) {
      await server.ask("/v3/lease/revoke", { method: "POST", body: JSON.stringify({ ID }) });
    }
  },
};

const server = useStoreServer(etcdKind);
let shared = "";

storeCases({
  kind: "etcd",
  open: async () => {
    shared = freshPrefix();
    return openClient(kind, { addresses: [server().address], prefix: shared });
  },
  join: async () => openClient(kind, { addresses: [server().address], prefix: shared }),
});

serverCases(kind);

test("a watch that begins at a revision that is compacted meanwhile gives a new snapshot", async () => {
  await using store = openClient(kind, { addresses: [server().address] });
  const stop = new AbortController();
  const watch = store.watch("w/", stop.signal)[Symbol.asyncIterator]();
  expect((await watch.next()).value).toEqual({ type: "snapshot", entries: [] });
  for (let n = 0; n < 10; n++) await store.put("w/a", String(n));
  const put = await store.put("w/b", "1");
  const revision = put.ok ? put.entry.revision : "";
  await server().ask("/v3/kv/compaction", { method: "POST", body: JSON.stringify({ revision, physical: true }) });
  expect((await watch.next()).value).toMatchObject({
    type: "snapshot",
    entries: [{ key: "w/a", value: "9" }, { key: "w/b" }],
  });
  stop.abort();
  expect((await watch.next()).done).toBe(true);
});
