import { ApiError } from "#agent/api/errors.ts";
import type { LocatedError } from "#agent/api/policy-views.ts";

/** Refuses a document whose text is wrong; one finding a line. */
export function refuse(verb: string, errors: readonly LocatedError[]): never {
  const lines = errors.map((error) => `${error.file}:${error.line}:${error.column}: ${error.field}: ${error.message}`);
  const count = errors.length === 1 ? "one error" : `${errors.length} errors`;
  throw new ApiError("invalid-policy", { asked: verb, obstacle: count, details: lines.join("\n") });
}
