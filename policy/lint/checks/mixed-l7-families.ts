import type { L7Family } from "#policy/model/l7.ts";
import type { PortMatch } from "#policy/model/port.ts";
import type { Rule, RuleDescription } from "#policy/model/rule.ts";
import type { LintContext } from "../context.ts";
import { type Finding, finding } from "../finding.ts";
import type { LintedRule } from "../linted-policy.ts";
import { doListsMeet, doPeersMeet } from "../relations/overlap.ts";
import { canPortsMeet } from "../relations/ports.ts";
import { describePort, describeRule } from "../words.ts";

interface Reading {
  readonly rule: LintedRule;
  readonly part: Rule;
  readonly family: L7Family;
}

/** Rules by which the proxy would have to read the same connections of the same subjects as two protocols. */
export function mixedL7Families(context: LintContext): Finding[] {
  const readings = context.rules.flatMap((rule) =>
    rule.parts.flatMap((part): Reading[] => (part.l7 ? [{ rule, part, family: part.l7.family }] : [])),
  );
  return readings.flatMap((one, i) => {
    const others = readings.slice(0, i).filter((other) => other.family !== one.family && doMeet(one, other, context));
    const [first] = others;
    if (!first) return [];
    const related = others.map((other): RuleDescription => other.rule.place);
    const port = one.part.ports?.find((match) => canPortsMeet([match], first.part.ports));
    const message = `has ${one.family} rules, and ${describeRule(first.rule.place)} has ${first.family} rules ${placeText(port)}`;
    return [finding("mixed-l7-families", one.rule.place, message, related)];
  });
}

function doMeet(one: Reading, other: Reading, { cluster }: LintContext): boolean {
  if (one.part.direction !== other.part.direction || !canPortsMeet(one.part.ports, other.part.ports)) return false;
  const [subjects, theirs] = [one.rule.owner.policy?.subjects, other.rule.owner.policy?.subjects];
  if (!subjects || !theirs || !doPeersMeet(subjects, theirs, cluster)) return false;
  return doListsMeet(one.part.peers, other.part.peers, cluster);
}

function placeText(port: PortMatch | undefined): string {
  return port ? `for the same peers on ${describePort(port)}` : "for the same peers";
}
