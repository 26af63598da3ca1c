import type { LintContext } from "../context.ts";
import { type Finding, finding } from "../finding.ts";
import type { RulePart } from "../rule-finder.ts";
import type { Superfluous } from "../superfluous.ts";
import { describeRules } from "../words.ts";

/** Rules that change nothing: others always decide before them, or say the same. */
export function shadowed(context: LintContext, superfluous: readonly Superfluous[]): Finding[] {
  return superfluous.map((one) => {
    const { rule, isNeverAsked, because, isolation } = one;
    const related = [...because.map(({ rule: other }) => other.place), ...isolation];
    const who = describeRules(finding("redundant", rule.place, "", related).related);
    const scope = scopeText(one);
    const s = new Set(related).size > 1 ? "" : "s";
    if (!isNeverAsked) {
      const isFirst = because.some(({ part }) => (part.action === "deny") !== (rule.effect === "deny"));
      const verb = `${isFirst ? `decide${s} first or ` : ""}say${s} the same`;
      return finding("redundant", rule.place, `changes nothing, ${scope}: ${who} ${verb}`, related);
    }
    if (because.length === 0) {
      return finding("shadowed", rule.place, `never decides, ${scope}: ${who} isolates its subjects`, related);
    }
    if (rule.effect === "allow" && because.every((other) => isTakenBack(one, other, context))) {
      return finding("contradicts", rule.place, `is completely denied, ${scope}, by ${who}`, related);
    }
    return finding("shadowed", rule.place, `never decides, ${scope}: ${who} always decide${s} first`, related);
  });
}

/** By a deny of the tier in which order does not count, for the very same subjects. */
function isTakenBack({ rule }: Superfluous, { rule: other, part }: RulePart, { subjects }: LintContext): boolean {
  const [mine, theirs] = [rule.owner.policy?.subjects, other.owner.policy?.subjects];
  if (part.action !== "deny" || "tier" in other.owner.object || "tier" in rule.owner.object) return false;
  return mine !== undefined && theirs !== undefined && subjects.groupOf(mine) === subjects.groupOf(theirs);
}

function scopeText({ dependsOnPods }: Superfluous): string {
  return dependsOnPods ? "for the pods that are known now" : "whatever pods there are";
}
