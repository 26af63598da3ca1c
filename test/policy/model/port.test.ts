import fc from "fast-check";
import { expect, test } from "vitest";
import { portPrefixes } from "#policy/model/port.ts";
import { sized } from "#test/support/size.ts";

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
    { numRuns: sized({ short: 1_000, long: 100_000 }) },
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

/** Zero, the last, and all powers of two with what is before and behind them. */
const CORNERS = [
  ...new Set([0, 65535, 65534, ...Array.from({ length: 16 }, (_, i) => [2 ** i - 1, 2 ** i, 2 ** i + 1]).flat()]),
].sort((a, b) => a - b);

/** How many prefixes a range needs at least: none can be wider than the half of the tree that it is in. */
function fewest(first: number, last: number, start = 0, size = 65536): number {
  if (first > start + size - 1 || last < start) return 0;
  if (first <= start && last >= start + size - 1) return 1;
  return fewest(first, last, start, size / 2) + fewest(first, last, start + size / 2, size / 2);
}

/** What is wrong with the prefixes of a range; null: nothing. */
function fault(first: number, last: number): string | null {
  const prefixes = portPrefixes(first, last);
  let next = first;
  for (const { port, bits } of prefixes) {
    const size = 2 ** (16 - bits);
    if (port !== next || port % size !== 0) return `${first}-${last}: ${port}/${bits} at ${next}`;
    next = port + size;
  }
  if (next !== last + 1) return `${first}-${last} ends at ${next - 1}`;
  return prefixes.length === fewest(first, last) && prefixes.length <= 30 ? null : `${first}-${last}: too many`;
}

function* ranges(ports: readonly number[]): Generator<[number, number]> {
  for (const first of ports) for (const last of ports) if (first <= last) yield [first, last];
}

test("every range between corners has the fewest prefixes, which are all of it and nothing else", () => {
  const faults = [...ranges(CORNERS)].map(([first, last]) => fault(first, last)).filter((one) => one !== null);
  expect(faults).toEqual([]);
});

test("so has every range of the first 256 ports, of the last, and of those around the middle", () => {
  const byte = Array.from({ length: 256 }, (_, i) => i);
  for (const start of [0, 65536 - 256, 32768 - 128]) {
    const all = [...ranges(byte.map((port) => port + start))];
    expect(all).toHaveLength((256 * 257) / 2);
    expect(all.map(([first, last]) => fault(first, last)).filter((one) => one !== null)).toEqual([]);
  }
});
