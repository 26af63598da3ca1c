import fc from "fast-check";
import { expect, test } from "vitest";
import type { Control, IpcacheState, IpcacheTable } from "#agent/datapath/kernel.ts";
import { AddressSpace } from "#agent/ipcache/address-space.ts";
import { type Cidr, cidrContains, hostCidr, parseAddress, parseCidr } from "#policy/model/cidr.ts";
import { matchesName } from "#policy/model/name-match.ts";
import { MemoryClasses } from "#test/support/enforcement.ts";
import { sized } from "#test/support/size.ts";

const WORLD = 2;
const POD = 300;

/** An ipcache in memory that counts its writes. */
class Table implements IpcacheTable, Control {
  readonly entries = new Map<string, IpcacheState>();
  readonly raised: string[] = [];
  writes = 0;
  readonly capacity: number;

  constructor(capacity = 1000) {
    this.capacity = capacity;
  }

  read(): IpcacheState[] {
    return [...this.entries.values()];
  }

  write(entries: readonly IpcacheState[]): void {
    this.writes++;
    for (const entry of entries) this.entries.set(entry.prefix, entry);
    if (this.entries.size > this.capacity) throw new Error("the map is full");
  }

  remove(prefixes: readonly string[]): void {
    for (const prefix of prefixes) this.entries.delete(prefix);
  }

  generation(): bigint {
    return 0n;
  }

  advanceGeneration(): bigint {
    return 0n;
  }

  raiseEpoch(prefix: string): void {
    this.raised.push(prefix);
  }
}

function make(capacity?: number, namesGrantInside = false) {
  const table = new Table(capacity);
  const classes = new MemoryClasses();
  const space = new AddressSpace({ table, control: table, classes, fallback: WORLD, namesGrantInside });
  /** As enforcement does it. */
  const name = (changes: Record<string, readonly string[]>): void => {
    const prefixes = space.setNames(new Map(Object.entries(changes)));
    space.addClasses(space.missingClasses(prefixes));
    space.writeNamed(prefixes);
  };
  const at = (address: string): { identity: number; tokens: readonly string[] } => {
    const host = hostCidr(parseAddress(address) ?? { family: 4, value: 0n });
    const found = [...table.entries.values()]
      .filter(({ prefix }) => cidrContains(parseCidr(prefix) as Cidr, host))
      .sort((a, b) => bits(b.prefix) - bits(a.prefix))[0];
    return {
      identity: found?.identity ?? WORLD,
      tokens: classes.lookup(found?.addressClass ?? 0) ?? [],
    };
  };
  return { table, space, name, at };
}

function bits(prefix: string): number {
  return Number(prefix.split("/")[1]);
}

const addresses = ["10.0.0.1", "10.0.0.2", "10.0.1.1", "93.0.0.1", "93.0.0.2", "127.0.0.1", "169.254.169.254"];
const ranges = ["10.0.0.0/24", "93.0.0.0/8", "0.0.0.0/0", "10.0.0.0/31", "93.0.0.1/32"];
const names = ["a.test", "b.test", "x.a.test", "y.x.a.test"];
const tokens = [
  ...ranges,
  ...ranges.map((range) => `outside:${range}`),
  ...["a.test", "*.test", "*.a.test", "**.a.test", "*"].map((text) => `dns:${text}`),
];

type Step =
  | { readonly kind: "rules"; readonly tokens: readonly string[] }
  | { readonly kind: "names"; readonly address: string; readonly names: readonly string[] }
  | { readonly kind: "owner" | "nobody"; readonly prefix: string }
  | { readonly kind: "ranges"; readonly prefix: string; readonly isThere: boolean };

const owned = fc.constantFrom("10.0.0.1/32", "10.0.1.1/32", "93.0.0.1/32", "93.0.0.2/32");
const step = fc.oneof(
  fc.record({ kind: fc.constant("rules" as const), tokens: fc.subarray(tokens) }),
  fc.record({
    kind: fc.constant("names" as const),
    address: fc.constantFrom(...addresses),
    names: fc.subarray(names),
  }),
  fc.record({ kind: fc.constantFrom("owner" as const, "nobody" as const), prefix: owned }),
  fc.record({
    kind: fc.constant("ranges" as const),
    prefix: fc.constantFrom("10.0.0.0/24", "10.0.0.0/30", "93.0.0.0/31"),
    isThere: fc.boolean(),
  }),
);

/** The ranges and rules, and nothing else, said anew for each address. */
class Model {
  tokens: readonly string[] = [];
  readonly names = new Map<string, readonly string[]>();
  readonly known = new Set<string>();
  readonly grantsInside: boolean;

  constructor(grantsInside: boolean) {
    this.grantsInside = grantsInside;
  }

  at(address: string): { identity: number; tokens: readonly string[] } {
    const host = hostCidr(parseAddress(address) ?? { family: 4, value: 0n });
    const contains = (prefix: string): boolean => cidrContains(parseCidr(prefix) as Cidr, host);
    const isInside = [...this.known].some(contains);
    const isSpecial = address.startsWith("127.") || address.startsWith("169.254.");
    const own = isSpecial || (isInside && !this.grantsInside) ? [] : (this.names.get(address) ?? []);
    const said = this.tokens.filter((token) => {
      if (token.startsWith("dns:")) return own.some((name) => matchesName(token.slice("dns:".length), name));
      return token.startsWith("outside:") ? !isInside && contains(token.slice("outside:".length)) : contains(token);
    });
    return { identity: isInside ? POD : WORLD, tokens: said.sort() };
  }
}

test("whatever comes in whatever order, an address has what rules say of its ranges and of its names", () => {
  const property = fc.property(fc.array(step, { maxLength: 12 }), fc.boolean(), (steps: Step[], grantsInside) => {
    const { space, name, at } = make(undefined, grantsInside);
    const model = new Model(grantsInside);
    space.resetKnown([]);
    space.setTokens([]);
    for (const one of steps) {
      if (one.kind === "rules") {
        model.tokens = one.tokens;
        space.setTokens(one.tokens);
      } else if (one.kind === "names") {
        model.names.set(one.address, one.names);
        name({ [one.address]: one.names });
      } else if (one.kind === "ranges") {
        if (one.isThere) model.known.add(one.prefix);
        else model.known.delete(one.prefix);
        if (one.isThere) space.setRanges([{ prefix: one.prefix, identity: POD }], []);
        else space.setRanges([], [one.prefix]);
      } else {
        if (one.kind === "owner") model.known.add(one.prefix);
        else model.known.delete(one.prefix);
        if (one.kind === "owner") space.setKnown(one.prefix, POD);
        else space.removeKnown(one.prefix);
      }
      // What waits for policy comes with the next sweep.
      const { waiting } = space;
      space.addClasses(space.missingClasses(waiting));
      space.writeNamed(waiting);
      for (const address of addresses) expect({ address, ...at(address) }).toEqual({ address, ...model.at(address) });
    }
  });
  fc.assert(property, { numRuns: sized({ short: 300, long: 30_000 }) });
});

test("a class that policy does not know is given to no address, which has what rules say of it without its names", () => {
  const { space, table, at } = make();
  space.resetKnown([]);
  space.setTokens(["93.0.0.0/8", "dns:a.test"]);
  space.writeNamed(space.setNames(new Map([["93.0.0.1", ["a.test"]]])));
  expect(space.isAdmitted("93.0.0.1/32")).toBe(false);
  expect(at("93.0.0.1").tokens).toEqual(["93.0.0.0/8"]);
  space.addClasses(space.missingClasses(space.waiting));
  space.writeNamed(space.waiting);
  expect(space.isAdmitted("93.0.0.1/32")).toBe(true);
  expect(at("93.0.0.1").tokens).toEqual(["93.0.0.0/8", "dns:a.test"]);
  expect(table.raised).toContain("93.0.0.1/32");
});

test("the classes of a rule's names are there before any answer, on top of what is said of the whole world", () => {
  const { space, at } = make();
  space.resetKnown([]);
  space.setTokens(["0.0.0.0/0", "dns:a.test", "dns:*.test", "dns:**.b.test"]);
  const changes = {
    "93.0.0.1": ["a.test"],
    "93.0.0.2": ["other.test"],
    "93.0.0.3": ["x.y.b.test"],
    "fd01::1": ["a.test"],
  };
  const prefixes = space.setNames(new Map(Object.entries(changes)));
  expect(space.missingClasses(prefixes)).toEqual(new Map());
  space.writeNamed(prefixes);
  expect(at("93.0.0.1").tokens).toEqual(["0.0.0.0/0", "dns:*.test", "dns:a.test"]);
  expect(at("fd01::1").tokens).toEqual(["dns:*.test", "dns:a.test"]);
});

test("ten thousand addresses of a name are one write of the ipcache, and one class", () => {
  const { space, table } = make(100_000);
  space.resetKnown([]);
  space.setTokens(["dns:a.test"]);
  const all = Array.from({ length: 10_000 }, (_, i) => `93.1.${i >> 8}.${i & 255}`);
  table.writes = 0;
  space.writeNamed(space.setNames(new Map(all.map((address) => [address, ["a.test"]]))));
  expect(table.writes).toBe(1);
  expect(table.entries.size).toBe(10_000);
  expect(new Set([...table.entries.values()].map(({ addressClass }) => addressClass)).size).toBe(1);
});

test("names fill half of the ipcache at most, and leave room for a pod that comes then", () => {
  const { space, table, name } = make(20);
  space.resetKnown([]);
  space.setTokens(["dns:a.test"]);
  name(Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`93.0.0.${i}`, ["a.test"]])));
  expect(table.entries.size).toBe(10);
  expect(space.waiting).toHaveLength(20);
  for (let i = 0; i < 15; i++) space.setKnown(`10.0.0.${i}/32`, POD);
  expect([...table.entries.values()].filter(({ identity }) => identity === POD)).toHaveLength(15);
  expect(table.entries.size).toBe(19);
});

test("classes of names that no address has any more are told of once, and likely ones stay", () => {
  const { space, name } = make();
  space.resetKnown([]);
  space.setTokens(["dns:a.test", "dns:b.test"]);
  name({ "93.0.0.1": ["a.test", "b.test"] });
  const before = space.classesInUse().size;
  expect(space.dropClasses().size).toBe(0);
  name({ "93.0.0.1": [] });
  expect(space.dropClasses().size).toBe(1);
  expect(space.classesInUse().size).toBe(before - 1);
  expect(space.dropClasses().size).toBe(0);
});
