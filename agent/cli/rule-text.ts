import type { NearestRule, RuleDescription, RuleTerms } from "#agent/api/policy-views.ts";

/** `web.yaml:14`; the file alone when there is no line. */
export function placeText({ file, line }: { readonly file: string; readonly line: number | null }): string {
  return line === null ? file : `${file}:${line}`;
}

/** `NetworkPolicy shop/web egress[0] (web.yaml:14)` */
export function ruleText(rule: RuleDescription): string {
  const name = rule.namespace === "" ? rule.name : `${rule.namespace}/${rule.name}`;
  return `${rule.kind} ${name} ${rule.rule} (${placeText(rule)})`;
}

/** `, at most 50 new connections a second, until 2030-01-01T00:00:00Z`; empty where there are none. */
export function termsText({ notAfter, rate, connections }: RuleTerms): string {
  const texts: string[] = [];
  if (rate !== undefined) texts.push(`at most ${rate} new connection${rate === 1 ? "" : "s"} a second`);
  if (connections !== undefined) {
    texts.push(`at most ${connections} connection${connections === 1 ? "" : "s"} at one time`);
  }
  if (notAfter !== undefined) texts.push(`until ${notAfter}`);
  return texts.map((text) => `, ${text}`).join("");
}

/** The rule that came closest, and what kept it from matching. */
export function nearestText(nearest: NearestRule): string {
  return `nearest: ${ruleText(nearest)}: ${nearest.because}`;
}
