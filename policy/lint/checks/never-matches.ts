import type { Peer, PodMatch } from "#policy/model/rule.ts";
import { formatSelector, toSelector } from "#policy/model/selector.ts";
import type { LintContext } from "../context.ts";
import { type Finding, finding } from "../finding.ts";
import type { LintedPolicy, LintedRule } from "../linted-policy.ts";
import { listPeers } from "../listed-peers.ts";
import { impossibility } from "../relations/peers.ts";
import { describePeer } from "../words.ts";
import { saysNothing } from "./says-nothing.ts";
import { unknownPortNames } from "./unknown-port-names.ts";
import { unmetRequirements } from "./unmet-requirements.ts";

/** Policies and rules, or parts of them, that can never match; but for ports' names whatever pods there are. */
export function neverMatches(context: LintContext): Finding[] {
  const dead = new Set<LintedPolicy>();
  const findings = context.policies.flatMap((policy) => {
    const reason = governsNobody(policy);
    if (reason !== "") dead.add(policy);
    return reason === "" ? [] : [finding("never-matches", policy.place, `governs nobody: ${reason}`)];
  });
  const rules = context.rules.filter(({ owner }) => !dead.has(owner));
  for (const rule of rules) {
    const messages = [
      ...saysNothing(rule),
      ...impossiblePeers(rule, context),
      ...unmetRequirements(rule, context),
      ...unknownPortNames(rule, context),
    ];
    for (const message of messages) findings.push(finding("never-matches", rule.place, message));
  }
  return findings;
}

function governsNobody({ policy, spec, object }: LintedPolicy): string {
  if (!policy) {
    const selector = formatSelector(toSelector(spec?.endpoints ?? { matchLabels: {}, matchExpressions: [] }));
    return `${selector} selects no pod, whatever pods there are`;
  }
  const reason = impossibility(policy.subjects);
  if (reason === "") return "";
  const isElsewhere = spec !== null && object.namespace !== "" && isImpossibleNamespace(policy.subjects);
  return isElsewhere ? `its endpointSelector is about other namespaces than its own, ${object.namespace}` : reason;
}

/** Whether there would be a subject, if only the namespace did not matter. */
function isImpossibleNamespace(subjects: Peer): boolean {
  if (subjects.kind !== "pods") return false;
  const anywhere: PodMatch = { ...subjects, namespaces: { kind: "labels", selector: [] } };
  return impossibility(anywhere) === "";
}

function impossiblePeers(rule: LintedRule, context: LintContext): string[] {
  return listPeers(rule, context).flatMap(({ text, peers, lacks }) => {
    if (lacks === "possible party") {
      // Of several entities one that is nobody only takes up space.
      return [`the peer ${text} is nobody, whoever there is`];
    }
    const reasons = peers.map((peer) => ({ peer, reason: impossibility(peer) }));
    const [first] = reasons;
    if (!first || reasons.some(({ reason }) => reason === "")) return [];
    return [`the peer ${describePeer(first.peer)} is nobody: ${first.reason}`];
  });
}
