import type { Rule } from "#policy/model/rule.ts";
import { pairsBeside } from "../beside.ts";
import { allowsEveryRequest } from "../consequences.ts";
import type { LintContext } from "../context.ts";
import { type Finding, finding } from "../finding.ts";
import type { RuleParts } from "../rule-parts.ts";
import { describePeer, describePort, describeRule } from "../words.ts";

/** L7 rules for what a plain rule allows as well: requests are seen, and all that can be read pass. */
export function l7HasNoEffect(context: LintContext, parts: RuleParts): Finding[] {
  return context.rules.flatMap((rule) => {
    const pairs = rule.parts
      .filter((part) => part.action === "redirect" && !allowsEveryRequest(part))
      .flatMap((part) => pairsBeside({ rule, part }, parts, (other) => isPlain(other.part, part)));
    const [first] = pairs;
    if (!first) return [];
    const { peer, port, other } = first;
    const where = `${peer === null ? "anybody" : describePeer(peer)}${port === null ? "" : ` on ${describePort(port)}`}`;
    const who = other.rule === rule ? "another item of its toPorts" : describeRule(other.rule.place);
    const related = pairs.map((pair) => pair.other.rule.place);
    const message = `refuses no requests of ${where}: ${who} allows them all`;
    return [finding("l7-has-no-effect", rule.place, message, related)];
  });
}

/** A plain allow of the tier in which redirects are. */
function isPlain(other: Rule, part: Rule): boolean {
  return other.action === "allow" && !other.controls.staged && other.precedence < part.precedence;
}
