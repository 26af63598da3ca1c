import { appendFileSync, rmSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AwayJournal } from "#agent/proxy/away-journal.ts";
import { AwayNames } from "#agent/proxy/away-names.ts";
import { type DnsAnswer, GRACE, type NameRules } from "#agent/proxy/names.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

interface Entry {
  readonly identity: number;
  readonly addressClass: number;
}

const WORLD = 2;
const rules: NameRules = {
  patterns: ["*.test", "a.test"],
  minTtl: 5,
  denial: "refused",
  generation: "7",
  outside: [WORLD],
  grantsInside: false,
  classes: [
    { number: 1, tokens: ["192.0.2.0/24"], isLasting: true },
    { number: 2, tokens: ["192.0.2.0/24", "dns:*.test"], isLasting: true },
    { number: 3, tokens: ["dns:*.test"], isLasting: true },
    { number: 4, tokens: ["dns:*.test", "dns:a.test"], isLasting: false },
  ],
};

let folder: TemporaryFolder;
let journal: AwayJournal;
let entries: Map<string, Entry>;
let around: Entry | undefined;
let generation: bigint;
let failures: unknown[];
let names: AwayNames;

beforeEach(() => {
  folder = new TemporaryFolder();
  journal = new AwayJournal(folder.path, "boot");
  entries = new Map();
  around = undefined;
  generation = 7n;
  failures = [];
  names = new AwayNames({
    journal,
    writer: () => ({
      generation: () => generation,
      lookup: (prefix) => entries.get(prefix) ?? around,
      write: (prefix, entry) => void entries.set(prefix, entry),
    }),
    failed: (error) => void failures.push(error),
    fallback: WORLD,
    now: () => 1_000,
  });
  names.rules = rules;
});
afterEach(() => folder[Symbol.dispose]());

function answer(name: string, ...addresses: string[]): DnsAnswer {
  return { name, addresses: addresses.map((address) => ({ address, ttl: 60 })), endpoint: 7 };
}

test("an address gets the class of its name, on top of what is said of its range, and the next agent is told", () => {
  around = { identity: WORLD, addressClass: 1 };
  expect(names.admit(answer("b.test", "192.0.2.1"))).toBe("admitted");
  around = undefined;
  expect(names.admit(answer("b.test", "198.51.100.1", "2001:db8::1"))).toBe("admitted");
  expect(Object.fromEntries(entries)).toEqual({
    "192.0.2.1/32": { identity: WORLD, addressClass: 2 },
    "198.51.100.1/32": { identity: WORLD, addressClass: 3 },
    "2001:db8::1/128": { identity: WORLD, addressClass: 3 },
  });
  const until = 61_000 + GRACE;
  expect(journal.read()).toEqual({
    names: [
      { name: "b.test", addresses: [["192.0.2.1", until]], endpoint: 7 },
      {
        name: "b.test",
        addresses: [
          ["198.51.100.1", until],
          ["2001:db8::1", until],
        ],
        endpoint: 7,
      },
    ],
    damaged: 0,
  });
});

test("what the address has already is written to nobody but the journal", () => {
  around = { identity: WORLD, addressClass: 4 };
  expect(names.admit(answer("a.test", "192.0.2.1"))).toBe("admitted");
  expect(entries.size).toBe(0);
  expect(journal.read().names).toHaveLength(1);
});

test.each([
  ["a class that policy may forget", "a.test", undefined],
  ["a class that policy does not know", "b.test", { identity: WORLD, addressClass: 9 }],
])("what needs %s is refused, and nothing is written", (_what, name, entry) => {
  around = entry;
  expect(names.admit(answer(name, "203.0.113.1"))).toBe("refused");
  expect(entries.size).toBe(0);
  expect(journal.read().names).toEqual([]);
});

test("a pod's, a node's or a special address gets nothing", () => {
  around = { identity: 300, addressClass: 0 };
  expect(names.admit(answer("b.test", "10.0.0.3"))).toBe("admitted");
  around = undefined;
  expect(names.admit(answer("b.test", "127.0.0.1", "169.254.169.254", "::1"))).toBe("admitted");
  expect(entries.size).toBe(0);
});

test("of another policy than the one in force nothing is known, nor before any agent has told of one", () => {
  generation = 8n;
  expect(names.admit(answer("b.test", "192.0.2.1"))).toBe("refused");
  expect(entries.size).toBe(0);
});

test("what the disk or the kernel refuse is told of, and admits nothing", () => {
  rmSync(folder.join("names"), { recursive: true });
  expect(names.admit(answer("b.test", "192.0.2.1"))).toBe("refused");
  expect(failures).toMatchObject([{ code: "ENOENT" }]);
  expect(entries.size).toBe(0);
});

test("nothing is written while an agent lives, and what was cut short is passed over by the next one", () => {
  const agent = journal.lock();
  expect(agent).not.toBeNull();
  expect(names.admit(answer("b.test", "192.0.2.1"))).toBeNull();
  expect(entries.size).toBe(0);
  agent?.[Symbol.dispose]();
  names.admit(answer("b.test", "192.0.2.1"));
  appendFileSync(folder.join("names", "heard-boot"), '{"name":"c.te');
  expect(journal.read()).toMatchObject({ names: [{ name: "b.test" }], damaged: 1 });
  journal.clear();
  expect(journal.read()).toEqual({ names: [], damaged: 0 });
});

test("who asks for names by the thousand leaves others room, until an agent has been there", () => {
  const many = (from: number): string[] => Array.from({ length: 4_096 }, (_, i) => `10.${from}.${i >> 8}.${i & 255}`);
  for (let i = 0; i < 4; i++) expect(names.admit(answer("greedy.other", ...many(i)))).toBe("admitted");
  expect(names.admit(answer("b.test", "198.51.100.1"))).toBe("refused");
  expect(names.admit({ ...answer("b.test", "198.51.100.1"), endpoint: 8 })).toBe("admitted");
  names.rules = rules;
  expect(names.admit(answer("b.test", "198.51.100.1"))).toBe("admitted");
});
