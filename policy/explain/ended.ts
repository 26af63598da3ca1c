import type { Policy, Rule } from "#policy/model/rule.ts";
import type { ToldRule } from "./miss.ts";

/** A policy as it is in force, with the rules that have ended: these match nothing. */
export function withEnded(now: Policy, whole: Policy): Policy {
  if (now === whole) return now;
  const inForce = new Set(now.rules);
  const rules = whole.rules.map((rule): ToldRule => (inForce.has(rule) ? rule : { ...rule, hasEnded: true }));
  return { ...now, rules };
}

export function withoutEnded(policy: Policy): Policy {
  return policy.rules.some(hasEnded) ? { ...policy, rules: policy.rules.filter((rule) => !hasEnded(rule)) } : policy;
}

function hasEnded(rule: Rule): boolean {
  return (rule as ToldRule).hasEnded === true;
}
