import type { L7Rules } from "#policy/model/l7.ts";
import type { Rule } from "#policy/model/rule.ts";

/** Whether all requests that one rule lets through are let through by another one of the same precedence. */
export function allows(one: Rule, other: Rule): boolean {
  if (one.action !== "redirect" || other.action !== "redirect") return one.action === other.action;
  const areNames =
    other.serverNames.length === 0 ||
    (one.serverNames.length > 0 && one.serverNames.every((name) => other.serverNames.includes(name)));
  return areNames && areRequestsWithin(one.l7, other.l7);
}

function areRequestsWithin(narrow: L7Rules | null, wide: L7Rules | null): boolean {
  if (wide === null) return true;
  if (narrow?.family !== wide.family) return false;
  const texts = new Set(wide.rules.map((rule) => JSON.stringify(rule)));
  return narrow.rules.every((rule) => texts.has(JSON.stringify(rule)));
}

/** Whether the bounds of what passes stay as they are without `one`: where a rule has none, it lifts those of others. */
export function areLimitsKept({ controls: one }: Rule, { controls: other }: Rule): boolean {
  if (other.rate === undefined && other.connections === undefined) return true;
  return one.rate === other.rate && one.connections === other.connections;
}

/** Whether the proxy lets every request through: a rule without a condition is enough. */
export function allowsEveryRequest({ l7, serverNames }: Rule): boolean {
  if (l7 === null) return serverNames.length === 0;
  switch (l7.family) {
    case "http":
      return l7.rules.some(
        ({ method, path, host, headers, headerMatches }) =>
          (method ?? path ?? host) === null && headers.length + headerMatches.length === 0,
      );
    case "dns":
      return l7.rules.some((match) => match.kind === "pattern" && match.pattern === "*");
    case "kafka":
      return l7.rules.some((rule) => Object.values(rule).every((value) => value === null));
  }
}
