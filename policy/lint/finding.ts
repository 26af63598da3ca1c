import { type RuleDescription, compareDescriptions } from "#policy/model/rule.ts";
import { CATALOGUE, type LintCode, type Severity } from "./catalogue.ts";

/** Something about a rule, or about an object as a whole (then `rule` is empty), that its author should look at. */
export interface Finding extends RuleDescription {
  readonly code: LintCode;
  readonly severity: Severity;
  /** What is the matter, as the end of a sentence that begins with the rule. */
  readonly message: string;
  /** Other rules that have to do with it. */
  readonly related: readonly RuleDescription[];
}

/** @param related in any order, also with repetitions. */
export function finding(
  code: LintCode,
  place: RuleDescription,
  message: string,
  related: readonly RuleDescription[] = [],
): Finding {
  const { kind, namespace, name, rule, file, line } = place;
  const { severity } = CATALOGUE[code];
  return { code, severity, kind, namespace, name, rule, file, line, message, related: inOrder(related) };
}

/** By file, line and code, and then by all that is left. */
export function compareFindings(a: Finding, b: Finding): number {
  return (
    compareText(a.file, b.file) ||
    (a.line ?? 0) - (b.line ?? 0) ||
    compareText(a.code, b.code) ||
    compareDescriptions(a, b) ||
    compareText(a.message, b.message)
  );
}

function inOrder(descriptions: readonly RuleDescription[]): RuleDescription[] {
  return [...new Map(descriptions.map((one) => [JSON.stringify(one), one])).values()].sort(compareDescriptions);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
