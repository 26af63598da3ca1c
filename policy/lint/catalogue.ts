export type Severity = "error" | "warning" | "info";

interface Entry {
  readonly severity: Severity;
  /** One sentence, for people who meet the code for the first time. */
  readonly meaning: string;
}

/** Every code of a finding. The headings of this folder's README are the same. */
export const CATALOGUE = {
  "never-matches": { severity: "error", meaning: "a rule, or a part of it, that can never match" },
  "mixed-l7-families": {
    severity: "error",
    meaning: "one port of one peer is to be read as two different protocols",
  },
  "opens-more-than-its-name": { severity: "warning", meaning: "an object that is named after denying, and opens" },
  "allows-everything": { severity: "warning", meaning: "a rule that allows any peer, or the whole world, everything" },
  contradicts: { severity: "warning", meaning: "what a rule allows, a deny for the same subjects takes back" },
  shadowed: { severity: "warning", meaning: "a rule that never decides, because others always decide first" },
  "selects-nothing": { severity: "warning", meaning: "a policy without subjects, or a peer that nobody is" },
  "l7-has-no-effect": { severity: "warning", meaning: "a plain allow lets through what an L7 rule would refuse" },
  "dns-missing": { severity: "warning", meaning: "a rule about DNS names, where no answer to a DNS query is seen" },
  "same-priority": {
    severity: "warning",
    meaning: "two policies of one tier and priority say different things of the same pods",
  },
  expired: { severity: "warning", meaning: "a rule whose time is over" },
  redundant: { severity: "info", meaning: "a rule that says only what other rules say already" },
  "not-checked": { severity: "info", meaning: "what cannot be checked, because objects of a kind are not known" },
} as const satisfies Readonly<Record<string, Entry>>;

export type LintCode = keyof typeof CATALOGUE;
