import type { CurrentRules } from "#agent/proxy/proxied-connection.ts";
import type { NameMatch } from "#policy/model/l7.ts";
import { makeRule } from "./make-rule.ts";

export const askingEndpoint = 7;

/** What counts for an endpoint whose policy lets it ask for these names, patterns where they have a star. */
export function dnsRules(...texts: readonly string[]): CurrentRules {
  const rules = texts.map((text): NameMatch => {
    return text.includes("*") ? { kind: "pattern", pattern: text } : { kind: "name", name: text };
  });
  return {
    ...judged,
    ends: [
      {
        end: "source",
        isPlain: false,
        rules: [{ description: makeRule(1).description, l7: { family: "dns", rules }, serverNames: [] }],
      },
    ],
  };
}

/** What counts for an endpoint that a rule without names lets ask, too. */
export function plainRules(): CurrentRules {
  return { ...judged, ends: dnsRules().ends.map((end) => ({ ...end, isPlain: true })) };
}

const judged: Pick<CurrentRules, "judgement"> = {
  judgement: {
    source: { endpoint: askingEndpoint, identity: 1007, isRedirected: true, isPlain: false, references: [1] },
    destination: { endpoint: 0, identity: 2, isRedirected: false, isPlain: false, references: [] },
  },
};
