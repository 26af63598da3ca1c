import { expect, test } from "vitest";
import { parseQuantity } from "#policy/parse/quantity.ts";

// As `resource.MustParse(text).Value()` of Kubernetes has them.
test.for([
  ["0", 0n],
  ["10M", 10_000_000n],
  ["100k", 100_000n],
  ["1G", 1_000_000_000n],
  ["1Ki", 1024n],
  ["1.5Gi", 1_610_612_736n],
  [".5k", 500n],
  ["5.k", 5000n],
  ["+7", 7n],
  ["1e6", 1_000_000n],
  ["1.25E3", 1250n],
  ["5E", 5_000_000_000_000_000_000n],
  ["1500m", 2n],
  ["1u", 1n],
  ["1.1k", 1100n],
  ["0.0001", 1n],
] as const)("%s is read", ([text, value]) => {
  expect(parseQuantity(text)).toBe(value);
});

test.for(["", "-1", "10MB", "10 M", "K", ".", "1e", "1ee6", "10m5", "0x10", "1_000", "Infinity", "1K", "9".repeat(21)])(
  "%s is no quantity",
  (text) => {
    expect(parseQuantity(text)).toBeNull();
  },
);
