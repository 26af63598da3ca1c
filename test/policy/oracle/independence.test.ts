import fc from "fast-check";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Cidr, cidrContains, formatAddress, hostCidr, parseCidr } from "#policy/model/cidr.ts";
import { inRange } from "#policy/oracle/address.ts";

const folder = join(import.meta.dirname, "../../../policy/oracle");
const sources = readdirSync(folder).map((file) => ({ file, text: readFileSync(join(folder, file), "utf8") }));

test("the oracle takes nothing but types from the rest", () => {
  for (const { file, text } of sources) {
    for (const [, word, from] of text.matchAll(/^(?:import|export) (\w*)[^;]*? from "([^"]+)";/gm)) {
      expect(from?.startsWith("./") || word === "type", `${file} imports ${from}`).toBe(true);
    }
    expect(text).not.toMatch(/\bimport\(|\brequire\(|^import "/m);
  }
});

test.each(["compile", "explain", "model", "parse"])("policy/%s takes nothing from the oracle", (name) => {
  const other = join(folder, "..", name);
  for (const file of readdirSync(other)) {
    expect(readFileSync(join(other, file), "utf8"), file).not.toMatch(/from "[^"]*\/oracle\//);
  }
});

test("the oracle can be read in one sitting", () => {
  const lines = sources.map(({ text }) => text.split("\n").length - 1);
  expect(lines.reduce((sum, count) => sum + count, 0)).toBeLessThan(700);
});

test("two ways to find an address in a range agree", () => {
  const value = fc.oneof(fc.bigInt(0n, 7n), fc.bigInt(0n, (1n << 128n) - 1n));
  fc.assert(
    fc.property(fc.boolean(), value, value, fc.nat(128), (v6, a, b, length) => {
      const [family, width] = v6 ? ([6, 128] as const) : ([4, 32] as const);
      const one = { family, value: BigInt.asUintN(width, a) };
      const range = formatAddress({ family, value: BigInt.asUintN(width, b) }) + `/${length % (width + 1)}`;
      const expected = cidrContains(parseCidr(range) as Cidr, hostCidr(one));
      expect(inRange(formatAddress(one), range)).toBe(expected);
    }),
    { numRuns: 3000 },
  );
});
