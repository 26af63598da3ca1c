import { expect, test } from "vitest";
import { NameIndex } from "#policy/model/name-index.ts";

test("all texts that mean a name are found", () => {
  const index = new NameIndex(["a.test", "*.test", "**.test", "*", "b.test"]);
  expect(index.matching("a.test").sort()).toEqual(["*", "**.test", "*.test", "a.test"]);
  expect(index.matching("x.a.test").sort()).toEqual(["*", "**.test"]);
  expect(index.matching("elsewhere")).toEqual(["*"]);
});

test("what rules were written for are their names, and of patterns a name of which nothing else is said", () => {
  const index = new NameIndex(["a.test", "*.test", "**.test"]);
  const sets = index.likely().map((set) => set.sort().join(" "));
  expect(sets.sort()).toEqual(["**.test", "**.test *.test", "**.test *.test a.test"]);
});
