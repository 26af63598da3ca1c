import { describe, expect, test } from "vitest";
import { PolicyEngine } from "#policy/compile/engine.ts";
import { ANY_PEER, type PolicyEntry } from "#policy/compile/entry.ts";
import type { Party } from "#policy/model/flow.ts";
import type { Subject } from "#policy/model/identity.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { type Combination, combinations } from "#test/support/allow-deny-combinations.ts";
import { denyTruthCases, denyTruthProbes } from "#test/support/deny-truth-cases.ts";
import { Judges, unanimous } from "#test/support/judges.ts";

const FOO = 256;

function parties({ probes }: Pick<Combination, "probes">): Party[] {
  return probes.flatMap(({ flow }) => [flow.source, flow.destination]);
}

/** Entries of the ingress, with `foo` as the one known peer, from short to long: `foo 80 allow [0] [1]`. */
function ingressEntries({ probes, objects }: Combination): PolicyEntry[] {
  const [{ flow }] = probes as [Combination["probes"][0]];
  const engine = new PolicyEngine(objects as readonly PolicyObject[]);
  engine.addIdentity(FOO, flow.source.subject as Subject);
  const { entries } = engine.compile(flow.destination.subject as Subject);
  return entries.filter(({ direction }) => direction === "ingress").sort((a, b) => a.portBits - b.portBits);
}

const show = ({ peer, portBits, port, verdict, rules }: PolicyEntry): string => {
  const names = rules.map(({ description }) => description.rule.replace("ingress", ""));
  return [peer === FOO ? "foo" : "any", portBits === 0 ? "*" : port, verdict, ...names].join(" ");
};

describe("the 256 combinations of allow and deny by peer, port and request", () => {
  test.each(combinations)("$title", (combination) => {
    const judges = new Judges(combination.objects, parties(combination));
    for (const { name, flow, expected, by } of combination.probes) {
      const ingress = { verdict: expected, rules: by };
      expect(judges.judge(flow), name).toEqual(unanimous({ egress: { verdict: "allow", rules: [] }, ingress }));
    }
  });
});

describe("the truth table of denies", () => {
  test.each(denyTruthCases)("$title", ({ policy, expected }) => {
    const judges = new Judges(
      [policy],
      denyTruthProbes.flatMap(({ source, destination }) => [source, destination]),
    );
    const told = denyTruthProbes.map((flow) => {
      const { compiled, evaluated, specified } = judges.judge(flow);
      expect([compiled, evaluated]).toEqual([specified, specified]);
      return compiled.ingress.verdict === "deny" ? "D" : "A";
    });
    expect(told.join("")).toBe(expected);
  });
});

// Only within one peer: an entry of a peer stays also where one for anybody says the same or more. Their rules are
// named together, so that nothing could be left out without a reason getting lost; and what is said of
// one peer does not change with what is said of anybody.
describe("no entry says what a shorter one of the same peer says", () => {
  test.each(combinations)("$title", (combination) => {
    const entries = ingressEntries(combination);
    for (const peer of [FOO, ANY_PEER]) {
      const [short, long, ...more] = entries.filter((entry) => entry.peer === peer);
      expect(more).toEqual([]);
      if (!short || !long) continue;
      expect(long.precedence).toBeGreaterThanOrEqual(short.precedence);
      expect([long.verdict, long.rules]).not.toEqual([short.verdict, short.rules]);
    }
  });

  test.each([
    ["allow foo, deny foo", ["foo * deny Deny[0]"]],
    ["allow foo 80, deny foo", ["foo * deny Deny[0]"]],
    ["allow foo, allow foo 80", ["foo * allow [0]", "foo 80 allow [0] [1]"]],
    ["allow foo, deny foo 80", ["foo * allow [0]", "foo 80 deny Deny[0]"]],
    ["deny foo, deny foo 80", ["foo * deny Deny[0]", "foo 80 deny Deny[0] Deny[1]"]],
    ["allow 80, allow foo 80", ["any 80 allow [0]", "foo 80 allow [1]"]],
    ["allow 80, deny 80", ["any 80 deny Deny[0]"]],
    ["allow 80, allow 80 HTTP", ["any 80 redirect [1]"]],
    ["nothing", ["any * allow"]],
  ])("%s", (title, expected) => {
    const combination = combinations.find((one) => one.title === title) as Combination;
    expect(ingressEntries(combination).map(show).sort()).toEqual(expected.toSorted());
  });
});
