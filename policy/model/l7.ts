/** What a request must be like to pass. Of the rules of one family any may match. */
export type L7Rules =
  | { readonly family: "http"; readonly rules: readonly HttpRule[] }
  | { readonly family: "dns"; readonly rules: readonly NameMatch[] }
  | { readonly family: "kafka"; readonly rules: readonly KafkaRule[] };

export type L7Family = L7Rules["family"];

/** All that is given must match. Method, path and host are regular expressions (RE2), anchored at both ends. */
export interface HttpRule {
  readonly method: string | null;
  readonly path: string | null;
  readonly host: string | null;
  /** Headers that must be there, `name` or `name: value`. */
  readonly headers: readonly string[];
  readonly headerMatches: readonly HeaderMatch[];
}

export interface HeaderMatch {
  readonly name: string;
  /** Null: any. */
  readonly value: string | null;
  /** What becomes of a request whose header does not match; null: it is refused. */
  readonly mismatch: "LOG" | "ADD" | "DELETE" | "REPLACE" | null;
}

export interface KafkaRule {
  readonly role: "produce" | "consume" | null;
  readonly apiKey: string | null;
  readonly apiVersion: string | null;
  readonly clientId: string | null;
  readonly topic: string | null;
}

/**
 * DNS names, as rules write them: without the trailing dot, in lower case. In a pattern `*`
 * stands for characters of one label, and `**.` at the beginning for one label or more;
 * `*` alone for every name.
 */
export type NameMatch =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "pattern"; readonly pattern: string };

/** The one text of a name match, by which equal ones are found. */
export function formatNameMatch(match: NameMatch): string {
  return match.kind === "name" ? match.name : match.pattern;
}
