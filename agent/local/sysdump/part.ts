/** A file of the archive. */
export interface Part {
  readonly name: string;
  /** @throws whatever stands in its way; the others are made all the same. */
  readonly read: (signal: AbortSignal) => Promise<Content> | Content;
}

/** What is in it, before secrets are taken out. */
export type Content =
  /** `more`: entries of a list that were left out, at least. */
  | { readonly kind: "json"; readonly value: unknown; readonly more?: number }
  /** Lines, each JSON or plain, or YAML. `left`: bytes that were left out. */
  | { readonly kind: "lines"; readonly text: string; readonly left?: number }
  /** It is not there, and need not be. */
  | { readonly kind: "absent"; readonly why: string };

export function json(value: unknown): Content {
  return { kind: "json", value };
}

/** What became of a part, as `manifest.json` and `weir sysdump -o json` tell it. */
export interface PartOutcome {
  readonly name: string;
  /** Uncompressed. */
  readonly bytes: number;
  readonly outcome: "complete" | "truncated" | "absent" | "failed";
  /** What was left out, or what stood in the way; null: nothing. */
  readonly note: string | null;
}
