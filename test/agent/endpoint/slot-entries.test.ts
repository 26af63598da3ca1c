import { expect, test } from "vitest";
import { toSlotEntry } from "#agent/endpoint/slot-entry.ts";

const BOOTED = 1_700_000_000_000;

/** What the kernel compares its boot clock with, for a rule that ends at an instant in ms. */
function deadline(notAfter: number | null): bigint {
  const entry = toSlotEntry(
    {
      peer: 0,
      direction: "ingress",
      protocol: 6,
      port: 80,
      portBits: 16,
      verdict: "allow",
      precedence: 1,
      rules: [],
      isPlain: false,
      failsOpen: false,
      limit: null,
      notAfter,
      below: null,
    },
    { rules: () => 0, limit: () => 0, boot: (instant) => BigInt(instant - BOOTED) * 1_000_000n },
  );
  return entry.notAfter;
}

test("an end is a boot time", () => {
  expect(deadline(BOOTED + 5)).toBe(5_000_000n);
});

test("no end is 0, and nothing else is", () => {
  expect([deadline(null), deadline(BOOTED), deadline(0)]).toEqual([0n, 1n, 1n]);
});

test("an end that 64 bits of nanoseconds do not reach does not wrap around", () => {
  expect(deadline(Date.UTC(2900, 0, 1))).toBe(2n ** 64n - 1n);
});
