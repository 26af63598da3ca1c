import type { Isolation, NearestRule, PolicyDescription, RuleDescription, RuleTerms } from "#agent/api/policy-views.ts";

/** `web.yaml:14`; the file alone when there is no line. */
export function placeText({ file, line }: { readonly file: string; readonly line: number | null }): string {
  return line === null ? file : `${file}:${line}`;
}

/** `NetworkPolicy shop/web egress[0] (web.yaml:14)` */
export function ruleText(rule: RuleDescription): string {
  return `${objectText(rule)} ${rule.rule} (${placeText(rule)})`;
}

function objectText({ kind, namespace, name }: PolicyDescription): string {
  return `${kind} ${namespace === "" ? name : `${namespace}/${name}`}`;
}

type MaybeIsolation = { readonly [Field in keyof Isolation]?: Isolation[Field] | undefined };

/** `default deny by NetworkPolicy shop/web (web.yaml:1), NetworkPolicy shop/all (all.yaml:1) and 3 more` */
export function isolationText({ isolatedBy, isolatedByMore = 0 }: MaybeIsolation, most = Infinity): string {
  if (isolatedBy === undefined) return "no rule allows it";
  // Nobody selects it: all pods are isolated.
  if (isolatedBy.length === 0) return "no rule allows it, and enforcement is always";
  const named = isolatedBy.slice(0, most).map((policy) => `${objectText(policy)} (${placeText(policy)})`);
  const more = isolatedBy.length - named.length + isolatedByMore;
  return `default deny by ${named.join(", ")}${more === 0 ? "" : ` and ${more} more`}`;
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
