import type { LocatedError } from "#policy/parse/located-error.ts";
import { readDocuments } from "./object-files.ts";

export interface ValidationReport {
  readonly errors: readonly LocatedError[];
  /** Objects that were read, in the documents that are well. */
  readonly objects: number;
}

/** Checks documents of policy objects as the agent would, all together. */
export function validateDocuments(
  documents: readonly { readonly text: string; readonly file: string }[],
): ValidationReport {
  const { objects, errors } = readDocuments(documents);
  return { errors, objects: objects.length };
}
