import type { Flow } from "#policy/model/flow.ts";

/** A language in which a suggestion can be made. */
export type SuggestLanguage = "kubernetes" | "cilium";

export interface SuggestOptions {
  /** `kubernetes` where nothing is said. */
  readonly as?: SuggestLanguage;
  /** Ranges in place of many addresses of the world, though they hold addresses that were not seen. */
  readonly aggregate?: boolean;
  /** Only policies for the pods of one namespace. */
  readonly namespace?: string;
}

/** One object, ready to be written. */
export interface SuggestedPolicy {
  readonly namespace: string;
  readonly name: string;
  readonly manifest: Readonly<Record<string, unknown>>;
  /** What the policy says otherwise than it was seen, or cannot say. */
  readonly remarks: readonly string[];
}

export interface Suggestion {
  readonly policies: readonly SuggestedPolicy[];
  /** Flows that the policies do not allow, because the language has no words for them. */
  readonly denied: readonly Flow[];
}
