import { expect, test } from "vitest";
import { DEFAULT_LIMITS, type NameChanges, NameTable, type NameTableLimits } from "#agent/fqdn/name-table.ts";

const nobody = (): boolean => false;

function make(limits: Partial<NameTableLimits> = {}) {
  const table = new NameTable({ ...DEFAULT_LIMITS, ...limits });
  const learn = (name: string, addresses: readonly string[], until = 100, endpoint = 7) => {
    const changes: NameChanges = new Map();
    const pairs = addresses.map((address) => [address, until] as const);
    return { hasRoom: table.learn({ name, addresses: pairs, endpoint }, changes), changes: [...changes] };
  };
  return { table, learn, addresses: () => [...table.all()].map(({ address }) => address) };
}

test("an address has all names that answers gave it, and each is told of once", () => {
  const { table, learn } = make();
  expect(learn("a.test", ["192.0.2.1"]).changes).toEqual([["192.0.2.1", ["a.test"]]]);
  expect(learn("a.test", ["192.0.2.1"], 200).changes).toEqual([]);
  expect(learn("b.test", ["192.0.2.1"], 100, 8).changes).toEqual([["192.0.2.1", ["a.test", "b.test"]]]);
  expect([...table.all()]).toEqual([
    { name: "a.test", address: "192.0.2.1", until: 200, source: "lookup", endpoints: [7] },
    { name: "b.test", address: "192.0.2.1", until: 100, source: "lookup", endpoints: [8] },
  ]);
});

test("a name ends at its time, and not before; a later answer that says less takes nothing away", () => {
  const { table, learn } = make();
  learn("a.test", ["192.0.2.1"], 100);
  learn("a.test", ["192.0.2.1"], 50);
  learn("b.test", ["192.0.2.1"], 300);
  expect([...table.sweep(99, nobody)]).toEqual([]);
  expect([...table.ended(100)]).toEqual(["192.0.2.1"]);
  expect([...table.sweep(100, nobody)]).toEqual([["192.0.2.1", ["b.test"]]]);
  expect([...table.sweep(300, nobody)]).toEqual([["192.0.2.1", []]]);
  expect(table.size).toBe(0);
  expect(table.names).toBe(0);
});

test("an address keeps its name while a connection to it lives, and no longer", () => {
  const { table, learn } = make();
  learn("a.test", ["192.0.2.1", "192.0.2.2"], 100);
  const alive = (address: string): boolean => address === "192.0.2.1";
  expect([...table.sweep(100, alive)]).toEqual([["192.0.2.2", []]]);
  expect([...table.all()]).toMatchObject([{ address: "192.0.2.1", source: "connection" }]);
  expect(table.kept).toBe(1);
  expect([...table.sweep(1000, alive)]).toEqual([]);
  // A new answer makes it what it was.
  learn("a.test", ["192.0.2.1"], 2000);
  expect(table.kept).toBe(0);
  expect([...table.all()]).toMatchObject([{ until: 2000, source: "lookup" }]);
  expect([...table.sweep(2000, alive)]).toEqual([]);
  expect([...table.sweep(2001, nobody)]).toEqual([["192.0.2.1", []]]);
});

test("only so many are kept for connections", () => {
  const { table, learn, addresses } = make({ kept: 2 });
  learn("a.test", ["192.0.2.1", "192.0.2.2", "192.0.2.3"], 100);
  table.sweep(100, () => true);
  expect(addresses()).toEqual(["192.0.2.1", "192.0.2.2"]);
});

test("a name with too many addresses loses those that would end first, unless connections live", () => {
  const { table, learn, addresses } = make({ addressesOfName: 8 });
  for (let i = 1; i <= 10; i++) learn("a.test", [`192.0.2.${i}`], 100 + i);
  table.sweep(50, (address) => address === "192.0.2.1");
  expect(addresses()).toEqual([1, 3, 4, 5, 6, 7, 8, 9, 10].map((i) => `192.0.2.${i}`));
  expect(table.kept).toBe(1);
});

test("names that one endpoint asks for have a bound, which others do not feel", () => {
  const { table, learn } = make({ pairsOfEndpoint: 3 });
  expect(learn("a.test", ["192.0.2.1", "192.0.2.2", "192.0.2.3"]).hasRoom).toBe(true);
  expect(learn("b.test", ["192.0.2.1"])).toEqual({ hasRoom: false, changes: [] });
  expect(learn("b.test", ["192.0.2.1"], 100, 8).hasRoom).toBe(true);
  table.sweep(100, nobody);
  expect(learn("c.test", ["192.0.2.9"], 300).hasRoom).toBe(true);
});

test("there is a bound for all together, and for the names of one address", () => {
  const { learn } = make({ pairs: 3, namesOfAddress: 2 });
  learn("a.test", ["192.0.2.1"], 100, 1);
  learn("b.test", ["192.0.2.1"], 100, 2);
  expect(learn("c.test", ["192.0.2.1"], 100, 3).hasRoom).toBe(false);
  expect(learn("c.test", ["192.0.2.2"], 100, 3).hasRoom).toBe(true);
  expect(learn("d.test", ["192.0.2.3"], 100, 4).hasRoom).toBe(false);
});

test("who has names by the thousand keeps nobody else from one: neither of the same address nor at all", () => {
  const { table, learn } = make({ pairs: 4_000, namesOfAddress: 100 });
  // Names of its own for the address that others want to reach.
  for (let i = 0; i < 1_000; i++) learn(`${i}.greedy.test`, ["192.0.2.1"], 1_000_000, 1);
  expect(learn("api.test", ["192.0.2.1"], 100, 2).hasRoom).toBe(true);
  for (const endpoint of [1, 3, 4, 5, 6]) {
    for (let i = 0; i < 4_000; i++)
      learn(`${i}.greedy.test`, [`10.${endpoint}.${i >> 8}.${i & 255}`], 1_000_000, endpoint);
  }
  for (let i = 0; i < 100; i++) expect(learn(`${i}.test`, [`192.0.2.${2 + i}`], 100, 2).hasRoom).toBe(true);
  expect(table.size).toBeLessThanOrEqual(4_000);
});
