import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { PersistentCounter } from "#agent/runtime/persistent-counter.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

test("no number comes twice, over restarts at any point", () => {
  using folder = new TemporaryFolder();
  const seen = new Set<number>();
  for (let life = 0; life < 20; life++) {
    const counter = new PersistentCounter(folder.join("n.json"), 1_000_000);
    for (let n = 0; n < life * 7; n++) {
      const number = counter.next();
      expect(seen.has(number)).toBe(false);
      seen.add(number);
    }
  }
  expect(Math.min(...seen)).toBe(1);
});

test("it ends at its last number", () => {
  using folder = new TemporaryFolder();
  const counter = new PersistentCounter(folder.join("n.json"), 2);
  expect([counter.next(), counter.next()]).toEqual([1, 2]);
  expect(() => counter.next()).toThrow("all up to 2 were used");
});

test("an unreadable file is an error, not a fresh start", () => {
  using folder = new TemporaryFolder();
  writeFileSync(folder.join("n.json"), "{}");
  expect(() => new PersistentCounter(folder.join("n.json"), 2)).toThrow("continue the numbers of");
});
