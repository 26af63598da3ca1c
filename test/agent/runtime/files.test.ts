import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as z from "zod";
import { readJsonFile, removeFile, removeTemporaries, writeFileAtomic } from "#agent/runtime/files.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

test("a file is replaced whole, is its owner's alone, and leaves nothing beside it", () => {
  using folder = new TemporaryFolder();
  const path = folder.join("a.json");
  writeFileAtomic(path, "old");
  writeFileAtomic(path, "new");
  expect(readFileSync(path, "utf8")).toBe("new");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder.path)).toEqual(["a.json"]);
});

test("a write that fails leaves the old file and no temporary one", () => {
  using folder = new TemporaryFolder();
  expect(() => writeFileAtomic(folder.join("missing", "a"), "x")).toThrow("ENOENT");
  expect(readdirSync(folder.path)).toEqual([]);
});

test("what a crash left of a write is removed, and nothing else", () => {
  using folder = new TemporaryFolder();
  for (const name of [".a.json.0123456789ab.tmp", ".hidden", "b.tmp"]) writeFileSync(folder.join(name), "");
  removeTemporaries(folder.path);
  expect(readdirSync(folder.path).sort()).toEqual([".hidden", "b.tmp"]);
});

test("removing is idempotent", () => {
  using folder = new TemporaryFolder();
  writeFileAtomic(folder.join("a"), "");
  expect([removeFile(folder.join("a")), removeFile(folder.join("a"))]).toEqual([true, false]);
});

test("a JSON file is parsed by its schema; a missing one is told from a bad one", () => {
  using folder = new TemporaryFolder();
  const schema = z.object({ n: z.int() });
  const path = folder.join("a.json");
  expect(readJsonFile(path, schema)).toMatchObject({ ok: false, missing: true });
  for (const bad of ["{", "{}", '{"n": 1.5}']) {
    writeFileAtomic(path, bad);
    expect(readJsonFile(path, schema)).toMatchObject({ ok: false, missing: false });
  }
  writeFileAtomic(path, '{"n": 1}');
  expect(readJsonFile(path, schema)).toEqual({ ok: true, value: { n: 1 } });
});
