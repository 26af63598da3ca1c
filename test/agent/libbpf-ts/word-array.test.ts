import { beforeEach, expect, test } from "vitest";
import { BpfMap, u32, u64, WordArray } from "libbpf-ts";
import { needs } from "#test/support/requirement.ts";
import { TestObject } from "./test-object.ts";

beforeEach(needs("root"));

test("a store through shared memory is what a look-up and a program see", () => {
  using object = new TestObject();
  using handle = object.map("words");
  using words = new WordArray(handle);
  const map = new BpfMap(handle, u32, u64);
  expect(words.length).toBe(1026);
  expect(words.increment(1025)).toBe(1n);
  expect(map.get(1025)).toBe(1n);
  object.run("emit");
  expect(words.load(0)).toBe(1n);
});

test("a map that cannot be mapped is refused, and so is use after the end", () => {
  using object = new TestObject();
  using pairs = object.map("pairs");
  expect(() => new WordArray(pairs)).toThrow(/map pairs is not a mappable array/);
  using handle = object.map("words");
  const words = new WordArray(handle);
  words[Symbol.dispose]();
  words[Symbol.dispose]();
  expect(() => words.load(0)).toThrow(expect.objectContaining({ code: "closed" }));
  expect(() => words.increment(0)).toThrow(expect.objectContaining({ code: "closed" }));
});
