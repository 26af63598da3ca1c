import fc from "fast-check";
import { expect, test } from "vitest";
import { RuleSets } from "#policy/compile/rule-sets.ts";
import { makeRule } from "#test/support/make-rule.ts";

const rules = Array.from({ length: 40 }, (_, i) => makeRule(i));

function newSets(): RuleSets {
  const sets = new RuleSets();
  for (const rule of rules) sets.numberOf(rule);
  return sets;
}

const numbers = fc.array(fc.nat(rules.length - 1), { maxLength: 12 });

test("a rule keeps its number", () => {
  const sets = newSets();
  expect(rules.map((rule) => sets.numberOf(rule))).toEqual([...rules.keys()]);
});

test("two sets are one object exactly if they have the same rules", () => {
  const sets = newSets();
  fc.assert(
    fc.property(numbers, numbers, (a, b) => {
      const isSame = [...new Set(a)].sort().join() === [...new Set(b)].sort().join();
      expect(sets.of(a) === sets.of(b)).toBe(isSame);
      expect(sets.of([...a, ...a.toReversed()])).toBe(sets.of(a));
    }),
    { numRuns: 2_000 },
  );
});

test("a union has the rules of both", () => {
  const sets = newSets();
  fc.assert(
    fc.property(numbers, numbers, (a, b) => {
      expect(sets.union(sets.of(a), sets.of(b))).toBe(sets.of([...a, ...b]));
      expect(sets.union(sets.of(a), sets.empty)).toBe(sets.of(a));
      expect(sets.union(sets.empty, sets.of(a))).toBe(sets.of(a));
    }),
  );
});

test("rules stand in the order of their files and lines, whatever their numbers are", () => {
  const sets = new RuleSets();
  const [third, first, second] = [
    makeRule(3),
    makeRule(9, { description: { ...makeRule(9).description, file: "a" } }),
    makeRule(2),
  ];
  const given = [third, first, second].map((rule) => sets.numberOf(rule));
  expect(sets.of(given).rules).toEqual([first, second, third]);
});
