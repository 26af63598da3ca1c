import { expect, test } from "vitest";
import { judge } from "#policy/oracle/oracle.ts";
import { combinations } from "#test/support/allow-deny-combinations.ts";

test("there are 256 combinations, with all verdicts in them", () => {
  expect(combinations).toHaveLength(256);
  const verdicts = combinations.flatMap(({ probes }) => probes.map(({ expected }) => expected));
  const count = (verdict: string): number => verdicts.filter((one) => one === verdict).length;
  // Those of foo:80 and of other:80.
  expect(count("redirect")).toBe(24 + 64);
  // The same, then foo:other, and all four where there is no rule.
  expect(count("allow")).toBe(7 + 32 + 64 + 4);
});

test.each(combinations)("$title", ({ objects, probes }) => {
  for (const { name, flow, expected, by } of probes) {
    expect(judge(objects, flow).ingress, name).toMatchObject({ verdict: expected, rules: by });
  }
});
