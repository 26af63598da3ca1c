import type { Direction, Policy, RuleDescription } from "#policy/model/rule.ts";
import { compareDescriptions } from "#policy/model/rule.ts";

/** How a policy is named to people: as its rules are, without one. */
export type PolicyDescription = Omit<RuleDescription, "rule">;

/** Who takes from an end what no rule allows. */
export interface Isolation {
  /** By file and line, {@link NAMED_POLICIES} at most; none: the enforcement mode `always`. */
  readonly isolatedBy: readonly PolicyDescription[];
  /** How many there are beyond those; missing: none. */
  readonly isolatedByMore?: number;
}

/** Policies that are named; a pod that more of them select is rare, and says so. */
export const NAMED_POLICIES = 32;

/** An object may be several policies; it is named once. */
export function isolationOf(policies: readonly Policy[], direction: Direction): Isolation {
  const isolating = policies.filter(({ isolates }) => isolates[direction]).map(({ description }) => description);
  const all = [...new Map(isolating.map((one) => [JSON.stringify(one), one])).values()];
  const sorted = all.sort((a, b) => compareDescriptions({ ...a, rule: "" }, { ...b, rule: "" }));
  const more = sorted.length - NAMED_POLICIES;
  return { isolatedBy: sorted.slice(0, NAMED_POLICIES), ...(more > 0 && { isolatedByMore: more }) };
}
