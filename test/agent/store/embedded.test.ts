import { readFileSync, statSync, truncateSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { EmbeddedStore } from "#agent/store/embedded.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { storeCases } from "./store-cases.ts";

storeCases({
  kind: "embedded",
  open: async () => {
    const folder = new TemporaryFolder();
    onTestFinished(() => folder[Symbol.dispose]());
    return EmbeddedStore.open(folder.join("store"));
  },
  join: async (store) => store,
});

test("another life finds the keys and the revisions of the one before", async () => {
  using folder = new TemporaryFolder();
  const path = folder.join("store");
  {
    await using store = EmbeddedStore.open(path);
    await store.put("a", "1");
    await store.put("b", "2", { lifetime: "node" });
    await store.delete("a");
  }
  await using store = EmbeddedStore.open(path);
  expect((await store.get("b"))?.value).toBe("2");
  const made = await store.put("a", "1");
  expect(made.ok && Number(made.entry.revision)).toBe(4);
});

test("a write that a crash cut short is as if it had not been", async () => {
  using folder = new TemporaryFolder();
  const path = folder.join("store");
  {
    await using store = EmbeddedStore.open(path);
    await store.put("a", "1");
    await store.put("a", "2");
  }
  truncateSync(path, readFileSync(path).length - 3);
  await using store = EmbeddedStore.open(path);
  expect((await store.get("a"))?.value).toBe("1");
});

test("the file does not grow with what was overwritten", async () => {
  using folder = new TemporaryFolder();
  const path = folder.join("store");
  await using store = EmbeddedStore.open(path);
  for (let n = 0; n < 10_000; n++) await store.put("a", String(n));
  expect(statSync(path).size).toBeLessThan(400_000);
  expect((await store.get("a"))?.value).toBe("9999");
});

test("a reader that is too slow gets a new snapshot in place of what it missed", async () => {
  using folder = new TemporaryFolder();
  await using store = EmbeddedStore.open(folder.join("store"));
  const stop = new AbortController();
  const watch = store.watch("w/", stop.signal)[Symbol.asyncIterator]();
  await watch.next();
  for (let n = 0; n < 10_002; n++) await store.put("w/a", String(n));
  expect((await watch.next()).value).toMatchObject({ type: "snapshot", entries: [{ value: "10001" }] });
  stop.abort();
  expect((await watch.next()).done).toBe(true);
});
