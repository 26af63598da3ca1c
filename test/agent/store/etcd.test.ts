import { expect, test } from "vitest";
import { etcd as kind } from "./kinds.ts";
import { serverCases } from "./server-cases.ts";
import { storeCases } from "./store-cases.ts";
import { freshPrefix, openClient, useStoreServer } from "./use-store-server.ts";

const server = useStoreServer(kind.server);
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
