import fc from "fast-check";
import { expect, test } from "vitest";
import { portPrefixes } from "#policy/model/port.ts";

const range = fc.tuple(fc.nat(65535), fc.nat(65535)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

test("the prefixes of a range cover it exactly, without overlap, and are at most 30", () => {
  fc.assert(
    fc.property(range, ([first, last]) => {
      const prefixes = portPrefixes(first, last);
      expect(prefixes.length).toBeLessThanOrEqual(30);
      let next = first;
      for (const { port, bits } of prefixes) {
        const size = 2 ** (16 - bits);
        expect(port % size).toBe(0);
        expect(port).toBe(next);
        next = port + size;
      }
      expect(next).toBe(last + 1);
    }),
    { numRuns: 1000 },
  );
});

test("no two neighbours could be one prefix", () => {
  fc.assert(
    fc.property(range, ([first, last]) => {
      const prefixes = portPrefixes(first, last);
      for (const [i, { port, bits }] of prefixes.entries()) {
        const other = prefixes[i + 1];
        const size = 2 ** (16 - bits);
        expect(other?.bits === bits && port % (2 * size) === 0).toBe(false);
      }
    }),
    { numRuns: 1000 },
  );
});

test.each([
  [80, 80, [{ port: 80, bits: 16 }]],
  [0, 65535, [{ port: 0, bits: 0 }]],
  [80, 83, [{ port: 80, bits: 14 }]],
  [
    81,
    82,
    [
      { port: 81, bits: 16 },
      { port: 82, bits: 16 },
    ],
  ],
])("%i to %i", (first, last, prefixes) => {
  expect(portPrefixes(first, last)).toEqual(prefixes);
});

test("the range that needs the most has 30", () => {
  expect(portPrefixes(1, 65534)).toHaveLength(30);
});
