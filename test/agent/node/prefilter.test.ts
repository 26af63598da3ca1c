import { join } from "node:path";
import { expect, test } from "vitest";
import { Prefilter } from "#agent/node/prefilter.ts";
import { writeList } from "#agent/runtime/kept-list.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

test("a full map is brought to another full list: what goes makes room for what comes", () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "prefilter.json");
  const capacity = 2;
  const there = new Set(["192.0.2.0/24", "198.51.100.0/24"]);
  const table = {
    capacity,
    read: () => [...there],
    add: (prefixes: readonly string[]) => {
      for (const prefix of prefixes) there.add(prefix);
      if (there.size > capacity) throw new Error("the map is full");
    },
    remove: (prefixes: readonly string[]) => prefixes.forEach((prefix) => there.delete(prefix)),
  };
  const hooks = { attach: () => true, detach: () => {}, list: () => [], setTc: () => {} };
  const wanted = ["203.0.113.0/24", "2001:db8::/32"];
  writeList(path, wanted);
  new Prefilter({ table, hooks, path, useXdp: true, own: () => [] }).reconcile([]);
  expect([...there].toSorted()).toEqual(wanted.toSorted());
});
