import { availableParallelism } from "node:os";
import { beforeEach, expect, test } from "vitest";
import { PerCpuMap, u32 } from "libbpf-ts";
import { needs } from "#test/support/requirement.ts";
import { pair, TestObject } from "./test-object.ts";

beforeEach(needs("root"));

test("there is one value for each CPU, and their sum is what the program counted", () => {
  using object = new TestObject();
  using handle = object.map("per_cpu");
  const map = new PerCpuMap(handle, u32, pair);
  expect(map.get(9)).toBeUndefined();
  object.run("count_per_cpu", { mark: 9, repeat: 1000 });
  object.run("count_per_cpu", { mark: 10 });
  const values = map.get(9) ?? [];
  expect(values.length).toBeGreaterThanOrEqual(availableParallelism());
  expect(values.reduce((sum, { first }) => sum + first, 0)).toBe(1000);
  expect([...map.entries()].map(([key]) => key).toSorted((a, b) => a - b)).toEqual([9, 10]);
});
