import fc from "fast-check";
import { expect, test } from "vitest";
import { partition } from "#agent/ipcache/partition.ts";
import { type Cidr, cidrContains, formatCidr, hostCidr, parseCidr } from "#policy/model/cidr.ts";
import { sized } from "#test/support/size.ts";

const cidr = fc
  .record({ address: fc.integer({ min: 0, max: 0xffff }), bits: fc.integer({ min: 14, max: 32 }) })
  .map(({ address, bits }) => {
    const free = BigInt(32 - bits);
    return formatCidr({ family: 4, address: ((0x0a000000n + BigInt(address)) >> free) << free, bits });
  });

test("an address's longest part names exactly the ranges that contain it, and its closest owner", () => {
  const property = fc.property(
    fc.array(cidr, { maxLength: 12 }),
    fc.array(cidr, { maxLength: 6 }),
    fc.uniqueArray(fc.record({ prefix: cidr, identity: fc.integer({ min: 1, max: 99 }) }), {
      maxLength: 6,
      selector: ({ prefix }) => prefix,
    }),
    fc.integer({ min: 0, max: 0xffff }),
    (cidrs, outside, known, offset) => {
      const host = hostCidr({ family: 4, value: 0x0a000000n + BigInt(offset) });
      const contains = (text: string): boolean => cidrContains(parseCidr(text) as Cidr, host);
      const longest = (texts: readonly string[]): string | undefined =>
        texts.filter(contains).sort((a, b) => Number(b.split("/")[1]) - Number(a.split("/")[1]))[0];

      const parts = partition(known, [...cidrs, ...outside.map((text) => `outside:${text}`), "dns:example.com"], 2);
      const prefix = longest(parts.map((part) => part.prefix));
      const part = parts.find((candidate) => candidate.prefix === prefix);
      const owner = longest(known.map((entry) => entry.prefix));

      const identity = known.find((entry) => entry.prefix === owner)?.identity ?? 2;
      const said = [
        ...cidrs.filter(contains),
        // Whoever has an owner is of the cluster.
        ...(identity === 2 ? outside.filter(contains).map((text) => `outside:${text}`) : []),
      ];
      expect(part?.tokens ?? []).toEqual([...new Set(said)].sort());
      expect(part?.identity ?? 2).toBe(identity);
    },
  );
  fc.assert(property, { numRuns: sized({ short: 1_000, long: 100_000 }) });
});
