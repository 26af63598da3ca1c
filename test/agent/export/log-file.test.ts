import { appendFileSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { LogFile } from "#agent/export/log-file.ts";
import { needs } from "#test/support/requirement.ts";
import { SmallDisk } from "#test/support/small-disk.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

let folder: TemporaryFolder;
beforeEach(() => {
  folder = new TemporaryFolder();
  return () => folder[Symbol.dispose]();
});

async function openLog(maxBytes: number, kept = 2, path = folder.join("log")): Promise<LogFile> {
  const log = await LogFile.open(path, { maxBytes, kept });
  onTestFinished(() => log[Symbol.asyncDispose]());
  return log;
}

/** Writes all lines, in as many steps as it takes. */
async function write(log: LogFile, ...lines: readonly string[]): Promise<void> {
  for (let rest = Buffer.from(lines.map((line) => `${line}\n`).join("")); rest.length > 0;) {
    rest = rest.subarray(await log.append(rest));
  }
}

const read = (name: string): string[] => readFileSync(folder.join(name), "utf8").split("\n").slice(0, -1);

test("a full file is put aside, with whole lines, and the oldest goes", async () => {
  const log = await openLog(12);
  await write(log, "one", "two", "three", "four");
  expect([read("log.1"), read("log")]).toEqual([
    ["one", "two"],
    ["three", "four"],
  ]);
  await write(log, "five", "six", "seven", "eight", "nine");
  expect([read("log.2"), read("log.1"), read("log")]).toEqual([["five", "six"], ["seven", "eight"], ["nine"]]);
  expect(() => read("log.3")).toThrow(/ENOENT/);
});

test("a line that is longer than a file may be has a file of its own", async () => {
  const log = await openLog(8);
  await write(log, "one", "a long line", "two");
  expect([read("log.2"), read("log.1"), read("log")]).toEqual([["one"], ["a long line"], ["two"]]);
});

test("what is there is continued, and counts", async () => {
  writeFileSync(folder.join("log"), "before\n");
  const log = await openLog(12);
  await write(log, "one", "two");
  expect([read("log.1"), read("log")]).toEqual([["before", "one"], ["two"]]);
});

test("it is for its owner and group, whatever the umask is", async () => {
  const before = process.umask(0o077);
  try {
    await openLog(100);
  } finally {
    process.umask(before);
  }
  expect(statSync(folder.join("log")).mode & 0o777).toBe(0o640);
});

test("a file that somebody else has moved, removed or emptied is found out at the next line", async () => {
  const log = await openLog(12);
  await write(log, "one");
  renameSync(folder.join("log"), folder.join("log.moved"));
  await write(log, "two");
  expect([read("log.moved"), read("log")]).toEqual([["one"], ["two"]]);
  rmSync(folder.join("log"));
  await write(log, "three");
  expect(read("log")).toEqual(["three"]);
  truncateSync(folder.join("log"));
  await write(log, "four", "five");
  expect(read("log")).toEqual(["four", "five"]);
});

test("what somebody else appends is not written over, and counts", async () => {
  const log = await openLog(12);
  await write(log, "one");
  appendFileSync(folder.join("log"), "other\n");
  await write(log, "two");
  expect([read("log.1"), read("log")]).toEqual([["one", "other"], ["two"]]);
});

test("a folder, a pipe, and what is in no folder, are refused", async () => {
  const limits = { maxBytes: 12, kept: 1 };
  await expect(LogFile.open(folder.path, limits)).rejects.toThrow(/EISDIR/);
  await expect(LogFile.open(folder.join("none/log"), limits)).rejects.toThrow(/ENOENT/);
  expect(spawnSync("mkfifo", [folder.join("pipe")]).status).toBe(0);
  await expect(LogFile.open(folder.join("pipe"), limits)).rejects.toThrow(/ENXIO|no file/);
});

test("a disk that is full in the middle of a line leaves none that is torn, and goes on when there is room", async (context) => {
  needs("root")(context);
  using disk = new SmallDisk("64k");
  const log = await openLog(1 << 20, 1, disk.join("log"));
  writeFileSync(disk.join("fill"), Buffer.alloc(40 << 10));
  const lines = Array.from({ length: 30 }, (_, i) => `${i} ${"x".repeat(999)}`);
  const refused: string[] = [];
  for (const line of lines) await write(log, line).catch(() => refused.push(line));
  expect(refused.length).toBeGreaterThan(0);
  const whole = (): string[] => readFileSync(disk.join("log"), "utf8").split("\n").slice(0, -1);
  expect(whole()).toEqual(lines.slice(0, lines.length - refused.length));
  rmSync(disk.join("fill"));
  await write(log, ...refused);
  expect(whole()).toEqual(lines);
});
