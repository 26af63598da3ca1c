import { expect, test } from "vitest";
import { contentHash } from "#policy/model/hash.ts";

test("a hash is 16 hexadecimal digits and always the same for a text", () => {
  expect(contentHash("")).toMatch(/^[0-9a-f]{16}$/);
  expect(contentHash("weir")).toBe(contentHash("weir"));
});

test("100,000 texts that differ in little have different hashes, in each half of it nearly so", () => {
  const hashes = Array.from({ length: 100_000 }, (_, i) => contentHash(`{"port":${i}}`));
  expect(new Set(hashes).size).toBe(hashes.length);
  // Of 100,000 random words of 32 bits about one pair is equal.
  expect(new Set(hashes.map((hash) => hash.slice(0, 8))).size).toBeGreaterThan(hashes.length - 20);
  expect(new Set(hashes.map((hash) => hash.slice(8))).size).toBeGreaterThan(hashes.length - 20);
});
