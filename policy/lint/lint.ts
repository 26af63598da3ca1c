import type { PolicyObject } from "#policy/model/object.ts";
import { allowsEverything } from "./checks/allows-everything.ts";
import { contradicts } from "./checks/contradicts.ts";
import { dnsMissing } from "./checks/dns-missing.ts";
import { expired } from "./checks/expired.ts";
import { l7HasNoEffect } from "./checks/l7-has-no-effect.ts";
import { mixedL7Families } from "./checks/mixed-l7-families.ts";
import { neverMatches } from "./checks/never-matches.ts";
import { opensMoreThanItsName } from "./checks/opens-more-than-its-name.ts";
import { samePriority } from "./checks/same-priority.ts";
import { selectsNothing } from "./checks/selects-nothing.ts";
import { shadowed } from "./checks/shadowed.ts";
import { type LintOptions, toContext } from "./context.ts";
import { type Finding, compareFindings } from "./finding.ts";
import { RuleParts } from "./rule-parts.ts";
import { SuperfluousRules } from "./superfluous.ts";

/** What an author of policies should look at, by file, line and code. The order of the objects does not matter. */
export function lint(objects: Iterable<PolicyObject>, options: LintOptions = {}): Finding[] {
  const context = toContext(objects, options);
  const parts = new RuleParts(context);
  const superfluous = new SuperfluousRules(context, parts).found;
  const findings = [
    ...selectsNothing(context),
    ...neverMatches(context),
    ...shadowed(context, superfluous),
    ...contradicts(context, parts, superfluous),
    ...opensMoreThanItsName(context),
    ...allowsEverything(context),
    ...mixedL7Families(context),
    ...l7HasNoEffect(context, parts),
    ...dnsMissing(context),
    ...samePriority(context),
    ...expired(context),
  ];
  return findings.sort(compareFindings);
}
