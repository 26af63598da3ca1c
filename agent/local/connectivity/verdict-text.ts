/** Verdicts in words: what a scenario expects, and what a flow tells, so that both can be compared. */
import type { Flow } from "#agent/api/flow.ts";
import type { RuleDescription } from "#agent/api/policy-views.ts";

type Named = Pick<RuleDescription, "kind" | "namespace" | "name">;

/** @param rules `NetworkPolicy server ingress[0]`: each rule that has to be among the reasons; none: no policy applies. */
export function allowedBy(...rules: string[]): string {
  return rules.length === 0 ? "allowed, no policy applies" : `allowed by ${rules.toSorted().join(", ")}`;
}

/** By rules that say so. */
export function deniedBy(...rules: string[]): string {
  return `denied by ${rules.toSorted().join(", ")}`;
}

/** @param policies `NetworkPolicy server`: those that isolate the end, and have no rule for it; none: nothing is open without a policy. */
export function deniedByDefault(direction: "ingress" | "egress", ...policies: string[]): string {
  if (policies.length === 0) return `denied, no ${direction} rule allows it`;
  return `denied, no ${direction} rule of ${policies.toSorted().join(", ")} allows it`;
}

/** For any other reason, by Hubble's name. */
export function dropped(reason: string): string {
  return `dropped, ${reason}`;
}

/** What a flow tells. @param prefix that names of the run's cluster-wide objects begin with. */
export function verdictText(flow: Flow, prefix: string): string {
  const rules = flow.weir.rules.map((rule) => shortRule(rule, prefix));
  if (flow.verdict === "AUDIT") return "allowed, audit only";
  if (flow.verdict === "FORWARDED" || flow.verdict === "REDIRECTED") return allowedBy(...rules);
  if (rules.length > 0) return deniedBy(...rules);
  const { denied, isolatedBy = [] } = flow.weir;
  if (denied !== undefined) return deniedByDefault(denied, ...isolatedBy.map((policy) => shortName(policy, prefix)));
  return dropped(flow.drop_reason_desc ?? "for no reason");
}

/** The rules that decided, or what came nearest to allowing it; null where no policy has a say. */
export function deciderText({ weir, verdict, drop_reason_desc: reason }: Flow, prefix: string): string | null {
  if (weir.rules.length > 0) return weir.rules.map((rule) => shortRule(rule, prefix)).join(", ");
  if (weir.nearest) return `none; nearest ${shortRule(weir.nearest, prefix)}: ${weir.nearest.because}`;
  return verdict === "DROPPED" ? (reason ?? weir.reason) : null;
}

function shortRule(rule: RuleDescription, prefix: string): string {
  return `${shortName(rule, prefix)} ${rule.rule}`;
}

/** Without what is each run's own. */
function shortName({ kind, namespace, name }: Named, prefix: string): string {
  const short = name.startsWith(`${prefix}-`) ? name.slice(prefix.length + 1) : name;
  return `${kind} ${namespace === "" || namespace.startsWith(prefix) ? short : `${namespace}/${short}`}`;
}
