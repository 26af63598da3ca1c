import fc from "fast-check";
import { expect, test } from "vitest";
import { addressParts } from "#agent/verify/address-parts.ts";
import { Pace } from "#agent/verify/pace.ts";
import {
  type Address,
  type Cidr,
  cidrContains,
  formatCidr,
  hostCidr,
  parseAddress,
  parseCidr,
} from "#policy/model/cidr.ts";
import { sized } from "#test/support/size.ts";

const pace = new Pace(new AbortController().signal);

/** Of a small range, so that they meet. */
const prefix = fc
  .record({ address: fc.integer({ min: 0, max: 0xff }), bits: fc.integer({ min: 24, max: 32 }) })
  .map(({ address, bits }) => {
    const free = BigInt(32 - bits);
    return formatCidr({ family: 4, address: ((0x0a000000n + BigInt(address)) >> free) << free, bits });
  });

function contains(outer: string, address: Address): boolean {
  return cidrContains(parseCidr(outer) as Cidr, hostCidr(address));
}

/** Those of some prefixes that an address is in, the longest last. */
function around(address: Address, prefixes: readonly string[]): string[] {
  const all = prefixes.filter((one) => contains(one, address));
  return all.sort((a, b) => Number(a.split("/")[1]) - Number(b.split("/")[1]));
}

test("every address has a part, which is that of its longest prefix, and one address stands for it", async () => {
  const property = fc.asyncProperty(
    fc.uniqueArray(prefix, { maxLength: 12 }),
    fc.integer({ min: 0, max: 0x1ff }),
    async (prefixes, offset) => {
      const all = ["0.0.0.0/0", "::/0", ...prefixes];
      const parts = await addressParts(prefixes, pace);
      for (const { prefix: own, address, within } of parts) {
        const parsed = parseAddress(address) as Address;
        expect(around(parsed, all)).toEqual(within);
        expect(within.at(-1)).toBe(own);
      }
      const address: Address = { family: 4, value: 0x0a000000n + BigInt(offset) };
      const within = around(address, all);
      expect(parts.filter((part) => part.prefix === within.at(-1))).toEqual([expect.objectContaining({ within })]);
    },
  );
  await fc.assert(property, { numRuns: sized({ short: 1_000, long: 100_000 }) });
});

test("a prefix whose addresses are all in longer ones is no part", async () => {
  const parts = await addressParts(["10.0.0.0/31", "10.0.0.0/32", "10.0.0.1/32", "fd00::/64"], pace);
  expect(parts.map((part) => `${part.prefix} ${part.address}`).sort()).toEqual([
    "0.0.0.0/0 0.0.0.0",
    "10.0.0.0/32 10.0.0.0",
    "10.0.0.1/32 10.0.0.1",
    "::/0 ::",
    "fd00::/64 fd00::",
  ]);
});
