import { appendFileSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as z from "zod";
import { Journal } from "#agent/runtime/journal.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

function records(path: string): number[] {
  const opened = Journal.open(path, z.number());
  opened.journal[Symbol.dispose]();
  return opened.records;
}

function write(path: string, ...values: number[]): void {
  using journal = Journal.open(path, z.number()).journal;
  journal.append(...values);
}

test("records come back in order, over several lives", () => {
  using folder = new TemporaryFolder();
  write(folder.join("j"), 1, 2);
  write(folder.join("j"), 3);
  expect(records(folder.join("j"))).toEqual([1, 2, 3]);
});

test("whatever was cut off in the middle of a write is dropped, and the file goes on", () => {
  using folder = new TemporaryFolder();
  const path = folder.join("j");
  write(path, 11, 22, 33);
  const { length } = readFileSync(path);
  for (let cut = 1; cut < length / 3; cut++) {
    truncateSync(path, length - cut);
    expect(records(path)).toEqual([11, 22]);
    write(path, 33);
  }
  expect(records(path)).toEqual([11, 22, 33]);
});

test("a damaged end of several lines is dropped", () => {
  using folder = new TemporaryFolder();
  const path = folder.join("j");
  write(path, 1);
  appendFileSync(path, "\0\0\0\n00000000 2\n\0\0");
  expect(records(path)).toEqual([1]);
});

test("damage before sound lines is an error that names file and line", () => {
  using folder = new TemporaryFolder();
  const path = folder.join("j");
  write(path, 1, 2, 3);
  writeFileSync(path, readFileSync(path, "utf8").replace(" 2\n", " 4\n"));
  expect(() => records(path)).toThrow(/read state file .*: line 2 is damaged and sound lines follow it; restore/);
});

test("rewriting replaces all records at once", () => {
  using folder = new TemporaryFolder();
  const path = folder.join("j");
  {
    using journal = Journal.open(path, z.number()).journal;
    journal.append(1, 2, 3);
    journal.rewrite([3]);
    journal.append(4);
    expect(journal.length).toBe(2);
  }
  expect(records(path)).toEqual([3, 4]);
});
