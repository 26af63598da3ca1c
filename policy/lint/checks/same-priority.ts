import type { ClusterPolicyObject } from "#policy/model/cluster-object.ts";
import type { LintContext } from "../context.ts";
import { type Finding, finding } from "../finding.ts";
import type { LintedPolicy, LintedRule } from "../linted-policy.ts";
import { doListsMeet, doPeersMeet } from "../relations/overlap.ts";
import { canPortsMeet } from "../relations/ports.ts";
import { describeRule } from "../words.ts";

/** Policies whose order is not said, and counts: of one tier and priority, with different actions for the same traffic. */
export function samePriority(context: LintContext): Finding[] {
  const ordered = context.policies.flatMap((linted) =>
    "tier" in linted.object ? [{ linted, rank: rankOf(linted.object) }] : [],
  );
  const groups = Map.groupBy(ordered, ({ rank }) => rank);
  return [...groups.values()].flatMap((group) =>
    group.flatMap(({ linted }, i) => {
      const earlier = group.slice(0, i).map((other) => other.linted);
      const clash = firstClash(linted, earlier, context);
      if (!clash) return [];
      const { own, other } = clash;
      const message = `${own.place.rule} and ${describeRule(other.place)} say different things of the same traffic, and neither has the higher priority`;
      return [finding("same-priority", linted.place, message, [own.place, other.place])];
    }),
  );
}

interface Clash {
  readonly own: LintedRule;
  readonly other: LintedRule;
}

function firstClash(linted: LintedPolicy, others: readonly LintedPolicy[], context: LintContext): Clash | null {
  const { policy, rules } = linted;
  if (!policy) return null;
  for (const other of others) {
    if (!other.policy || !haveDifferentActions(linted, other)) continue;
    if (!doPeersMeet(policy.subjects, other.policy.subjects, context.cluster)) continue;
    for (const own of rules) {
      const clashing = other.rules.find((theirs) => doClash(own, theirs, context));
      if (clashing) return { own, other: clashing };
    }
  }
  return null;
}

function haveDifferentActions(a: LintedPolicy, b: LintedPolicy): boolean {
  return a.rules.some((one) => b.rules.some((other) => isOtherAction(one, other)));
}

function isOtherAction(a: LintedRule, b: LintedRule): boolean {
  return a.direction === b.direction && a.effect !== b.effect;
}

function doClash(a: LintedRule, b: LintedRule, { cluster }: LintContext): boolean {
  if (!isOtherAction(a, b)) return false;
  return a.parts.some((one) =>
    b.parts.some((other) => canPortsMeet(one.ports, other.ports) && doListsMeet(one.peers, other.peers, cluster)),
  );
}

function rankOf({ tier, priority }: ClusterPolicyObject): string {
  return `${tier} ${priority}`;
}
