import type { NearestRule, RuleDescription } from "#agent/api/policy-views.ts";

/** `web.yaml:14`; the file alone when there is no line. */
export function placeText({ file, line }: { readonly file: string; readonly line: number | null }): string {
  return line === null ? file : `${file}:${line}`;
}

/** `NetworkPolicy shop/web egress[0] (web.yaml:14)` */
export function ruleText(rule: RuleDescription): string {
  const name = rule.namespace === "" ? rule.name : `${rule.namespace}/${rule.name}`;
  return `${rule.kind} ${name} ${rule.rule} (${placeText(rule)})`;
}

/** The rule that came closest, and what kept it from matching. */
export function nearestText(nearest: NearestRule): string {
  return `nearest: ${ruleText(nearest)}: ${nearest.because}`;
}
