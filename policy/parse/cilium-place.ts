import type { RegexChecks } from "./l7-regexes.ts";

/** What the place of a rule means for what it may say. */
export interface RulePlace {
  readonly direction: "ingress" | "egress";
  readonly isDeny: boolean;
  /** Of a policy about nodes. */
  readonly isHost: boolean;
  /** Of the whole policy. */
  readonly regexes: RegexChecks;
}
