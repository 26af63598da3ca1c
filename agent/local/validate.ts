import type { LocatedError } from "#policy/parse/located-error.ts";
import { parseObjects } from "#policy/parse/objects.ts";

export interface ValidationReport {
  readonly errors: readonly LocatedError[];
  /** Objects that were read, in the documents that are well. */
  readonly objects: number;
}

/** Checks documents of policy objects as the agent would. */
export function validateDocuments(
  documents: readonly { readonly text: string; readonly file: string }[],
): ValidationReport {
  const results = documents.map(({ text, file }) => parseObjects(text, file));
  return {
    errors: results.flatMap((result) => (result.ok ? [] : result.errors)),
    objects: results.reduce((count, result) => count + (result.ok ? result.objects.length : 0), 0),
  };
}
