import { expect, test } from "vitest";
import { type Requirement, formatSelector, matchesSelector, toSelector } from "#policy/model/selector.ts";

const one = (operator: Requirement["operator"], ...values: string[]): Requirement => ({ key: "a", operator, values });

test.each<[string, Requirement, boolean, boolean, boolean]>([
  // operator, a=x, a=y, no a
  ["a=x", one("In", "x"), true, false, false],
  ["a in (x,y)", one("In", "x", "y"), true, true, false],
  ["a!=x", one("NotIn", "x"), false, true, true],
  ["a", one("Exists"), true, true, false],
  ["!a", one("DoesNotExist"), false, false, true],
])("%s", (text, requirement, x, y, none) => {
  expect(formatSelector([requirement])).toBe(text);
  expect([{ a: "x" }, { a: "y" }, {}].map((labels) => matchesSelector([requirement], labels))).toEqual([x, y, none]);
});

test("members of objects are no labels", () => {
  const exists: Requirement = { key: "constructor", operator: "Exists", values: [] };
  expect(matchesSelector([exists], {})).toBe(false);
  expect(matchesSelector([exists], { constructor: "" })).toBe(true);
});

test("the empty selector selects everything", () => {
  expect(matchesSelector([], {})).toBe(true);
});

test("equal selectors have one form, however they are written", () => {
  const written = toSelector({ matchLabels: { b: "y", a: "x" }, matchExpressions: [one("In", "x")] });
  const other = toSelector({
    matchLabels: { a: "x" },
    matchExpressions: [{ key: "b", operator: "In", values: ["y", "y"] }],
  });
  expect(formatSelector(written)).toBe("a=x,b=y");
  expect(other).toEqual(written);
});
