import type { LintContext } from "../context.ts";
import { type Finding, finding } from "../finding.ts";

/** Rules that do not count any more. */
export function expired({ ended }: LintContext): Finding[] {
  return ended.map(({ place, notAfter }) =>
    finding("expired", place, `has not counted since ${new Date(notAfter ?? 0).toISOString()}`),
  );
}
