import fc from "fast-check";
import { expect, test } from "vitest";
import { limitOf, notAfterOf } from "#policy/compile/conditions.ts";
import { RuleSets } from "#policy/compile/rule-sets.ts";
import type { Controls } from "#policy/model/controls.ts";
import type { Action, Rule } from "#policy/model/rule.ts";
import { makeRule } from "#test/support/make-rule.ts";

const withControls = (controls: Controls, number = 0, action: Action = "allow"): Rule =>
  makeRule(number, { controls, action });

const ends = (...notAfter: (number | undefined)[]): number | null =>
  notAfterOf(notAfter.map((end) => withControls(end === undefined ? {} : { notAfter: end })));

test("rules that decide together last as long as the last of them", () => {
  expect(ends(1_000)).toBe(1_000);
  expect(ends(1_000, 3_000, 2_000)).toBe(3_000);
});

test("one without an end makes them last for ever; no rules have no end", () => {
  expect(ends(1_000, undefined)).toBeNull();
  expect(ends(undefined)).toBeNull();
  expect(ends()).toBeNull();
});

/** The limit as `rate/connections` of the rule that it is taken from. */
const limit = (...all: Controls[]): string | null => {
  const found = limitOf(all.map((controls, i) => withControls(controls, i)));
  return found && `${found.rate}/${found.connections} of ${found.rule.key}`;
};

test("the limit of rules that allow together is that of the most generous", () => {
  expect(limit({ rate: 10 })).toBe("10/null of 0");
  expect(limit({ rate: 10 }, { rate: 30 }, { rate: 20 })).toBe("30/null of 1");
  expect(limit({ rate: 10, connections: 5 }, { rate: 10, connections: 7 })).toBe("10/7 of 1");
  expect(limit({ connections: 5 }, { connections: 4 })).toBe("null/5 of 0");
});

test("no rate at all is more than any rate", () => {
  expect(limit({ rate: 1_000_000 }, { connections: 1 })).toBe("null/1 of 1");
});

test("a rule without a limit lets everything through", () => {
  expect(limit({ rate: 10 }, {})).toBeNull();
  expect(limit({ notAfter: 1 }, { rate: 10 })).toBeNull();
  expect(limit()).toBeNull();
});

test("of equal limits the first rule, as they are reported, is the one that is counted", () => {
  expect(limit({ rate: 10 }, { rate: 10 })).toBe("10/null of 0");
});

test("what is denied has no limit", () => {
  expect(limitOf([withControls({ rate: 10 }, 0, "deny")])).toBeNull();
  expect(limitOf([withControls({ rate: 10 }, 0, "redirect")])).toMatchObject({ rate: 10 });
});

test("end and limit do not depend on the order of rules", () => {
  const controls = fc.record(
    { notAfter: fc.nat(3), rate: fc.integer({ min: 1, max: 3 }), connections: fc.integer({ min: 1, max: 3 }) },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.array(controls, { maxLength: 5 }), (all) => {
      const rules = all.map((one, i) => withControls(one, i));
      const [sets, others] = [new RuleSets(), new RuleSets()];
      const one = sets.of(rules.map((rule) => sets.numberOf(rule)));
      const other = others.of(rules.toReversed().map((rule) => others.numberOf(rule)));
      expect([one.notAfter, one.limit, one.rules]).toEqual([other.notAfter, other.limit, other.rules]);
    }),
  );
});
