import type { Flow, Party } from "#policy/model/flow.ts";
import type { L7Request } from "#policy/l7/request.ts";
import type { Namespaces } from "#policy/model/namespaces.ts";
import {
  ADMIN_PRECEDENCE,
  type Direction,
  FAILSAFE_PRECEDENCE,
  NORMAL_PRECEDENCE,
  type Policy,
  type Rule,
  type RuleDescription,
  type Verdict,
  actionOf,
  compareDescriptions,
} from "#policy/model/rule.ts";
import { type Isolation, isolationOf } from "./isolation.ts";
import { type Miss, compareMisses, missesOf } from "./miss.ts";
import { requestMisses } from "./request-miss.ts";

/** A rule that would have let the flow through, and what it lacks for that. */
export interface NearMiss extends RuleDescription {
  /** `port 5432 is not 5433` */
  readonly because: string;
}

/** One end of a flow. */
export interface Question {
  readonly direction: Direction;
  readonly peer: Party;
  readonly flow: Flow;
  readonly namespaces: Namespaces;
  /** Isolate whatever the policies say. */
  readonly always: boolean;
  /** What is asked for where the connection is looked into; null: the question is about the connection only. */
  readonly request: L7Request | null;
}

interface Candidate {
  readonly rule: Rule;
  /** Empty: the rule matches. */
  readonly misses: readonly Miss[];
}

interface Decision extends Partial<Isolation> {
  readonly verdict: Verdict;
  readonly by: readonly RuleDescription[];
  readonly nearest: NearMiss | null;
}

/** What the policies that govern an end say of a flow. */
export function decide(policies: readonly Policy[], question: Question): Decision {
  const { direction, peer, flow, namespaces, request } = question;
  const requires = policies.flatMap((policy) => policy.requires[direction].map(({ pods }) => pods));
  const isolating = policies.filter(({ isolates }) => isolates[direction]);
  const isIsolated = question.always || isolating.length > 0;
  const candidates = policies
    .flatMap(({ rules }) => rules.filter((rule) => rule.direction === direction))
    // The last tier is for whom no policy isolates.
    .filter(({ precedence }) => !isIsolated || precedence >= NORMAL_PRECEDENCE)
    .map((rule): Candidate => ({ rule, misses: missesOf(rule, peer, flow, namespaces, requires) }))
    .sort((a, b) => compareDescriptions(a.rule.description, b.rule.description));

  const matching = candidates.filter(({ misses }) => misses.length === 0).map(({ rule }) => rule);
  const deciding = decidingRules(matching);
  const [first] = deciding;
  if (first) {
    const verdict = actionOf(first.precedence);
    if (verdict === "redirect" && request) return decideRequest(matching, request);
    // Below a pass nothing passes: it is of the highest tier.
    return { verdict: verdict === "pass" ? "deny" : verdict, by: describe(deciding), nearest: null };
  }
  if (!isIsolated) return { verdict: "allow", by: [], nearest: null };
  const nearest = nearestOf(candidates, request) ?? withoutRules(isolating, direction);
  return { verdict: "deny", by: [], nearest, ...isolationOf(isolating, direction) };
}

/** Of the rules that match, those with the highest precedence; after a pass, without the tier that it is of. */
function decidingRules(matching: readonly Rule[]): Rule[] {
  const highest = matching.reduce((most, { precedence }) => Math.max(most, precedence), -Infinity);
  if (highest >= ADMIN_PRECEDENCE && actionOf(highest) === "pass") {
    return decidingRules(matching.filter(({ precedence }) => precedence < ADMIN_PRECEDENCE));
  }
  return matching.filter(({ precedence }) => precedence === highest);
}

/** One rule of an object may stand for several; it is named once. */
function describe(rules: readonly Rule[]): RuleDescription[] {
  return [...new Map(rules.map(({ description }) => [JSON.stringify(description), description])).values()];
}

/** What the proxy decides: any rule that redirects may be met, and beside a plain one all that can be read passes. */
function decideRequest(matching: readonly Rule[], request: L7Request): Decision {
  const asking = matching.filter(({ precedence }) => precedence >= NORMAL_PRECEDENCE && precedence < ADMIN_PRECEDENCE);
  const allowing = asking.filter((rule) => requestMisses(rule, request).length === 0);
  if (allowing.length > 0) return { verdict: "allow", by: describe(allowing), nearest: null };
  const candidates = asking.map((rule) => ({ rule, misses: [] }));
  return { verdict: "deny", by: [], nearest: nearestOf(candidates, request) };
}

function nearestOf(candidates: readonly Candidate[], request: L7Request | null): NearMiss | null {
  const [nearest] = candidates
    // What a failsafe spares is not what anybody wanted to allow.
    .filter(({ rule }) => rule.precedence < FAILSAFE_PRECEDENCE)
    .filter(({ rule }) => rule.action === "allow" || rule.action === "redirect")
    .map(({ rule, misses }) => ({ rule, misses: [...misses, ...(request ? requestMisses(rule, request) : [])] }))
    .sort((a, b) => compareMisses(a.misses, b.misses));
  if (!nearest) return null;
  return { ...nearest.rule.description, because: nearest.misses.map(({ because }) => because).join(" and ") };
}

/** The first of the policies that isolate a pod and say nothing more. */
function withoutRules(isolating: readonly Policy[], direction: Direction): NearMiss | null {
  const [first] = isolating.map(({ description }) => ({ ...description, rule: direction })).sort(compareDescriptions);
  return first ? { ...first, because: `has no ${direction} rules` } : null;
}
