import type { Policy, Rule, RuleDescription } from "#policy/model/rule.ts";
import { type NearMiss, type Question, decide } from "./decide.ts";
import type { Isolation } from "./isolation.ts";
import { formatInstant } from "./miss.ts";

/** What a rule that decides is bound to. */
export interface RuleTerms {
  /** RFC 3339. */
  readonly notAfter?: string;
  /** New connections a second. */
  readonly rate?: number;
  /** Connections at one time. */
  readonly connections?: number;
}

interface Decision extends Partial<Isolation> {
  readonly verdict: "allow" | "deny" | "redirect";
  readonly by: readonly RuleDescription[];
  readonly nearest: NearMiss | null;
  readonly terms?: readonly RuleTerms[];
  readonly note?: string;
}

/** As `decide`, with all that there is to say of the rules that decide. */
export function decideWithTerms(policies: readonly Policy[], question: Question): Decision {
  const decision = decide(policies, question);
  const terms = allTerms(decision.by, policies);
  const hasTerms = terms.some((one) => Object.keys(one).length > 0);
  const note = noteOn(decision, policies, question);
  return { ...decision, ...(hasTerms && { terms }), ...(note !== null && { note }) };
}

/** Descriptions are passed on as they are, so they tell the rules. */
function allTerms(by: readonly RuleDescription[], policies: readonly Policy[]): RuleTerms[] {
  const deciding = new Map(by.map((description): [RuleDescription, RuleTerms] => [description, {}]));
  for (const { rules } of policies) {
    for (const rule of rules) if (deciding.has(rule.description)) deciding.set(rule.description, termsOf(rule));
  }
  return [...deciding.values()];
}

function termsOf({ action, controls: { notAfter, rate, connections } }: Rule): RuleTerms {
  const isLimited = action !== "deny";
  return {
    ...(notAfter !== undefined && { notAfter: formatInstant(notAfter) }),
    ...(isLimited && rate !== undefined && { rate }),
    ...(isLimited && connections !== undefined && { connections }),
  };
}

/** The datapath does not know the named ports of the pods in a block of addresses. */
function noteOn({ verdict, by }: Decision, policies: readonly Policy[], question: Question): string | null {
  if (question.direction !== "egress" || !question.peer.subject || by.length === 0) return null;
  const known = policies.map((policy) => ({ ...policy, rules: policy.rules.flatMap(withoutNamesInBlocks) }));
  const actual = decide(known, question).verdict;
  if (actual === verdict) return null;
  return `the datapath ${actual === "deny" ? "denies" : "allows"} this: it has no named ports for address blocks`;
}

function withoutNamesInBlocks(rule: Rule): Rule[] {
  const { peers, ports } = rule;
  const names = ports?.some(({ kind }) => kind === "name") ?? false;
  const blocks = peers?.some(({ kind }) => kind === "block") ?? false;
  if (!peers || !ports || !names || !blocks) return [rule];
  return [
    { ...rule, peers: peers.filter(({ kind }) => kind !== "block") },
    { ...rule, ports: ports.filter(({ kind }) => kind !== "name") },
  ];
}
