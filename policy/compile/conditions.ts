import type { Rule } from "#policy/model/rule.ts";

/** How much passes by a rule; null: no bound. */
export interface Limit {
  /** The rule that is counted. */
  readonly rule: Rule;
  /** New connections a second. */
  readonly rate: number | null;
  /** Connections at one time. */
  readonly connections: number | null;
}

/**
 * When rules that decide together cease to: any of them is enough, so the last one's end
 * counts, and one without an end makes it last.
 */
export function notAfterOf(rules: readonly Rule[]): number | null {
  let last = 0;
  for (const { controls } of rules) {
    if (controls.notAfter === undefined) return null;
    last = Math.max(last, controls.notAfter);
  }
  return rules.length === 0 ? null : last;
}

/** The limit of rules that allow together: none where one of them has none, else that of the most generous. */
export function limitOf(rules: readonly Rule[]): Limit | null {
  let best: Limit | null = null;
  for (const rule of rules) {
    const { rate, connections } = rule.controls;
    if (rate === undefined && connections === undefined) return null;
    const limit: Limit = { rule, rate: rate ?? null, connections: connections ?? null };
    if (!best || compareLimits(limit, best) > 0) best = limit;
  }
  // A limit of a whole object is about what its rules let through.
  return best?.rule.action === "deny" || best?.rule.action === "pass" ? null : best;
}

function compareLimits(a: Limit, b: Limit): number {
  const order = (limit: number | null): number => limit ?? Infinity;
  return Math.sign(order(a.rate) - order(b.rate)) || Math.sign(order(a.connections) - order(b.connections));
}
