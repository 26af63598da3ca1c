import { appendFileSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NamesJournal } from "#agent/fqdn/names-journal.ts";
import type { LearnedName } from "#agent/fqdn/name-table.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

let folder: TemporaryFolder;
const path = (): string => folder.join("names.journal");

beforeEach(() => {
  folder = new TemporaryFolder();
});
afterEach(() => folder[Symbol.dispose]());

const nothing = (): [] => [];

function name(text: string, until = 100): LearnedName {
  return { name: text, addresses: [["192.0.2.1", until]], endpoint: 7 };
}

test("names are there after a restart, in their order, and not after a reboot", () => {
  const { journal } = NamesJournal.open(path(), "boot-1");
  journal.append([name("a.test"), name("b.test")], nothing);
  journal.append([name("a.test", 200)], nothing);
  journal[Symbol.dispose]();
  const again = NamesJournal.open(path(), "boot-1");
  expect(again.names).toEqual([name("a.test"), name("b.test"), name("a.test", 200)]);
  again.journal[Symbol.dispose]();
  const later = NamesJournal.open(path(), "boot-2");
  expect(later.names).toEqual([]);
  later.journal[Symbol.dispose]();
  expect(NamesJournal.open(path(), "boot-2").names).toEqual([]);
});

test("a file that grows is written anew with what is known", () => {
  const { journal } = NamesJournal.open(path(), "boot-1");
  const known = [{ name: "a.test", address: "192.0.2.9", until: 9, source: "lookup", endpoints: [4, 5] } as const];
  for (let i = 0; i < 67; i++) {
    journal.append(
      Array.from({ length: 1_000 }, () => name("a.test")),
      () => known,
    );
  }
  expect(readFileSync(path(), "utf8").split("\n").length).toBeLessThan(66_000);
  journal[Symbol.dispose]();
  const { names } = NamesJournal.open(path(), "boot-1");
  expect(names[0]).toEqual({ name: "a.test", addresses: [["192.0.2.9", 9]], endpoint: 4 });
});

test("a write that was cut short loses itself only, and a file that is damaged is begun anew and told of", () => {
  const { journal } = NamesJournal.open(path(), "boot-1");
  journal.append([name("a.test")], nothing);
  journal[Symbol.dispose]();
  appendFileSync(path(), "0000");
  expect(NamesJournal.open(path(), "boot-1")).toMatchObject({ names: [name("a.test")], damage: null });
  const content = readFileSync(path(), "utf8");
  writeFileSync(path(), `garbage\n${content}`);
  expect(NamesJournal.open(path(), "boot-1")).toMatchObject({ names: [], damage: { code: "journal-corrupt" } });
  expect(NamesJournal.open(path(), "boot-1")).toMatchObject({ names: [], damage: null });
});

test("what a name with thousands of addresses is answered again and again makes the file no longer than others", () => {
  const { journal } = NamesJournal.open(path(), "boot-1");
  const addresses = Array.from({ length: 4_000 }, (_, i) => [`10.0.${i >> 8}.${i & 255}`, 100] as const);
  for (let i = 0; i < 40; i++) journal.append([{ name: "a.test", addresses, endpoint: 7 }], nothing);
  journal[Symbol.dispose]();
  expect(statSync(path()).size).toBeLessThan(2_000_000);
});
