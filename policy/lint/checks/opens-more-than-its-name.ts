import type { LintContext } from "../context.ts";
import { type Finding, finding } from "../finding.ts";
import type { LintedPolicy } from "../linted-policy.ts";
import { isEverybody } from "../relations/everybody.ts";

/** Words of a name that promise that something is closed. */
const CLOSING =
  /^(deny|denies|denied|denyall|block|blocks|blocked|isolate|isolates|isolated|isolation|lockdown|restrict|restricts|restricted|forbid|forbids|quarantine|quarantined)$/;

/** Objects that are named after denying, but only open: that isolate nobody, or allow everybody everything. */
export function opensMoreThanItsName({ policies }: LintContext): Finding[] {
  return policies.flatMap((linted) => {
    const { object, place } = linted;
    const word = object.name
      .toLowerCase()
      .split(/[^a-z]+/)
      .find((one) => CLOSING.test(one));
    if (word === undefined) return [];
    return reasons(linted).map((reason) => finding("opens-more-than-its-name", place, `says "${word}", but ${reason}`));
  });
}

function reasons({ policy, rules }: LintedPolicy): string[] {
  if (!policy) return [];
  const isolates = policy.isolates.ingress || policy.isolates.egress;
  const counting = rules.filter(({ parts }) => parts.length > 0);
  if (!isolates && counting.length > 0 && counting.every(({ effect }) => effect !== "deny")) {
    return ["isolates nobody, and has only rules that allow"];
  }
  return counting.flatMap(({ effect, direction, place, parts }) => {
    // Beside a deny it leaves open what the deny does not mean.
    const hasDeny = counting.some((other) => other.direction === direction && other.effect === "deny");
    const opensAll = parts.some((part) => part.action === "allow" && part.ports === null && isEverybody(part.peers));
    const toOrFrom = direction === "ingress" ? "from" : "to";
    return effect === "allow" && opensAll && !hasDeny ? [`${place.rule} allows everything ${toOrFrom} everybody`] : [];
  });
}
