import type { PodObject } from "#policy/model/object.ts";
import type { Peer, Rule } from "#policy/model/rule.ts";
import type { LintContext } from "../context.ts";
import { type Finding, finding } from "../finding.ts";
import type { LintedPolicy } from "../linted-policy.ts";
import { isPortCovered } from "../relations/ports.ts";

const DNS_PORT = 53;

/** Rules about DNS names for pods whose DNS queries the proxy does not see, or that may not ask at all. */
export function dnsMissing(context: LintContext): Finding[] {
  const seeing = governed(context, (linted) => rulesOf(linted).some(isReadAsDns));
  const isolated = governed(context, ({ policy }) => policy?.isolates.egress === true);
  const counting = new Set(context.rules);
  return context.policies.flatMap((linted) => {
    const first = linted.rules.find((rule) => counting.has(rule) && rule.parts.some(isAboutNames));
    if (!first || linted.policy?.subjects.kind !== "pods") return [];
    const pods = context.cluster.podsOf(linted.policy.subjects);
    const around = context.subjects.around(linted.policy.subjects).flatMap((group) => group.policies);
    const isSure = (one: (other: LintedPolicy) => boolean, all: ReadonlySet<PodObject>): boolean =>
      around.some(one) || (pods.length > 0 && pods.every((pod) => all.has(pod)));
    if (!isSure(({ policy }) => policy?.isolates.egress === true, isolated)) return [];
    if (isSure((other) => rulesOf(other).some(isReadAsDns), seeing)) return [];
    const plain = around.flatMap(rulesOf).filter(isForDns);
    const reason =
      plain.length === 0
        ? "nothing allows all its pods to ask for a name (port 53)"
        : "nothing that allows port 53 has dns rules, so no answers are seen";
    const related = plain.map(({ description }) => description);
    return [finding("dns-missing", first.place, `is about DNS names, but ${reason}`, related)];
  });
}

/** The known pods that policies of some sort govern. */
function governed({ policies, cluster }: LintContext, isWanted: (linted: LintedPolicy) => boolean): Set<PodObject> {
  const wanted = policies.filter(isWanted).flatMap(({ policy }) => policy?.subjects ?? []);
  return new Set(wanted.flatMap((subjects) => (subjects.kind === "pods" ? cluster.podsOf(subjects) : [])));
}

function rulesOf({ policy }: LintedPolicy): readonly Rule[] {
  return policy?.rules ?? [];
}

function isAboutNames({ peers, action }: Rule): boolean {
  return action !== "deny" && (peers ?? []).some(isName);
}

function isReadAsDns(rule: Rule): boolean {
  return rule.l7?.family === "dns" && isForDns(rule);
}

function isName({ kind }: Peer): boolean {
  return kind === "names";
}

function isForDns({ direction, action, peers, ports }: Rule): boolean {
  // Names alone reach no server: one has to be asked for them first.
  if (direction !== "egress" || action === "deny" || action === "pass" || peers?.every(isName)) return false;
  return (["UDP", "TCP"] as const).some((protocol) =>
    isPortCovered({ protocol, kind: "range", first: DNS_PORT, last: DNS_PORT }, [ports]),
  );
}
