import { beforeEach, expect, test } from "vitest";
import { BpfMap, bytes, u32 } from "libbpf-ts";
import { needs } from "#test/support/requirement.ts";
import { TestObject } from "./test-object.ts";

beforeEach(needs("root"));

/** `struct prefix`: the length in bits, then an IPv4 address. */
function prefix(bits: number, ...address: number[]): Uint8Array {
  return Uint8Array.of(bits, 0, 0, 0, ...address);
}

test("the longest prefix answers", () => {
  using object = new TestObject();
  using handle = object.map("prefixes");
  const map = new BpfMap(handle, bytes(8), u32);
  map.set(prefix(8, 10, 0, 0, 0), 1);
  map.set(prefix(24, 10, 1, 2, 0), 2);
  expect(map.get(prefix(32, 10, 1, 2, 3))).toBe(2);
  expect(map.get(prefix(32, 10, 9, 9, 9))).toBe(1);
  expect(map.get(prefix(32, 11, 0, 0, 0))).toBeUndefined();
});

test("10,000 prefixes are set, walked and deleted", () => {
  using object = new TestObject();
  using handle = object.map("prefixes");
  const map = new BpfMap(handle, bytes(8), u32);
  const entries = Array.from({ length: 10_000 }, (_, i) => [prefix(32, 10, 0, i >> 8, i & 255), i] as const);
  map.setMany(entries);
  expect([...map.entries()].map(([, value]) => value).toSorted((a, b) => a - b)).toEqual(entries.map(([, i]) => i));
  map.deleteMany(entries.map(([key]) => key));
  expect([...map.entries()]).toEqual([]);
});
