import fc from "fast-check";
import { expect, test } from "vitest";
import { NameIndex } from "#policy/model/name-index.ts";
import { matchesName } from "#policy/model/name-match.ts";
import { sized } from "#test/support/size.ts";

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

test("all that matching one by one finds is found, and nothing else", () => {
  const label = fc.constantFrom("a", "b", "ab", "*", "a*", "*b");
  const text = fc
    .tuple(fc.boolean(), fc.array(label, { minLength: 1, maxLength: 4 }))
    .map(([several, labels]) => `${several ? "**." : ""}${labels.join(".")}`);
  const name = fc
    .array(fc.constantFrom("a", "b", "ab", "aab"), { minLength: 1, maxLength: 5 })
    .map((all) => all.join("."));
  const property = fc.property(fc.array(text, { maxLength: 8 }), name, (texts, one) => {
    const expected = [...new Set(texts)].filter((each) => matchesName(each, one));
    expect(new NameIndex(texts).matching(one).sort()).toEqual(expected.sort());
  });
  fc.assert(property, { numRuns: sized({ short: 2_000, long: 200_000 }) });
});
