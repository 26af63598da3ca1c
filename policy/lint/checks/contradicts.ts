import { ADMIN_PRECEDENCE, NORMAL_PRECEDENCE, type Rule } from "#policy/model/rule.ts";
import { type Pair, pairsBeside } from "../beside.ts";
import type { LintContext } from "../context.ts";
import { type Finding, finding } from "../finding.ts";
import type { RuleParts } from "../rule-parts.ts";
import type { Superfluous } from "../superfluous.ts";
import { describePeer, describePort, describeRules } from "../words.ts";

/**
 * Rules of which a deny for the same subjects takes back something that they list, where order does
 * not count. Those that never decide have been told of already.
 */
export function contradicts(context: LintContext, parts: RuleParts, superfluous: readonly Superfluous[]): Finding[] {
  const known = new Set(superfluous.filter(({ isNeverAsked }) => isNeverAsked).map(({ rule }) => rule));
  return context.rules.flatMap((rule) => {
    if (rule.effect !== "allow" || known.has(rule)) return [];
    const pairs = rule.parts
      .filter(isNormal)
      .flatMap((part) => pairsBeside({ rule, part }, parts, (other) => isEnforcedDeny(other.part)));
    const [first] = pairs;
    if (!first) return [];
    const related = pairs.map(({ other }) => other.rule.place);
    const who = describeRules([first.other.rule.place]);
    return [
      finding("contradicts", rule.place, `is denied for ${pairText(first)} by ${who}${moreText(pairs)}`, related),
    ];
  });
}

function isNormal({ precedence, controls }: Rule): boolean {
  return precedence >= NORMAL_PRECEDENCE && precedence < ADMIN_PRECEDENCE && !controls.staged;
}

function isEnforcedDeny(part: Rule): boolean {
  return isNormal(part) && part.action === "deny";
}

function pairText({ peer, port }: Pair): string {
  const who = peer === null ? "anybody" : describePeer(peer);
  return port === null ? who : `${who} on ${describePort(port)}`;
}

function moreText({ length }: readonly Pair[]): string {
  return length > 1 ? `, and for ${length - 1} more of its peers and ports` : "";
}
