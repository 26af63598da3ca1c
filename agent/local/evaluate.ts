import type { EvaluationRequest } from "#agent/api/policy-views.ts";
import { type Evaluation, type EvaluatorOptions, evaluate } from "#policy/explain/evaluate.ts";
import { resolveParties } from "#policy/explain/parties.ts";
import { objectKey, type PolicyObject } from "#policy/model/object.ts";
import { formatLocatedError, type LocatedError } from "#policy/parse/located-error.ts";
import { parseDocuments, readObjectFiles } from "./object-files.ts";

export type OfflineEvaluation =
  | { readonly ok: true; readonly evaluation: Evaluation }
  | { readonly ok: false; readonly reason: "invalid" | "not-found"; readonly message: string };

/**
 * Answers `weir policy eval` from a folder of objects, without an agent.
 *
 * @param options What an agent would be started with, and as of when rules with an end are read.
 */
export async function evaluateOffline(
  folder: string,
  request: EvaluationRequest,
  options: EvaluatorOptions,
): Promise<OfflineEvaluation> {
  const files = await readObjectFiles(folder);
  if (!files.ok) return invalid(files.errors);
  let objects = files.objects;
  if (request.candidate) {
    const candidate = parseDocuments([request.candidate].flat());
    if (!candidate.ok) return invalid(candidate.errors);
    objects = replaceObjects(objects, candidate.objects);
  }
  const parties = resolveParties(objects, request.from, request.to);
  if (!parties.ok) {
    return { ok: false, reason: parties.reason, message: parties.error };
  }
  const { source, destination } = parties;
  const { protocol, port, request: asked = null } = request;
  return { ok: true, evaluation: evaluate(objects, { source, destination, protocol, port }, options, asked) };
}

/** The objects with those of `candidate` in place of their namesakes, or beside them. */
function replaceObjects(objects: readonly PolicyObject[], candidate: readonly PolicyObject[]): PolicyObject[] {
  const byKey = new Map([...objects, ...candidate].map((object) => [objectKey(object), object]));
  return [...byKey.values()];
}

function invalid(errors: readonly LocatedError[]): OfflineEvaluation {
  return { ok: false, reason: "invalid", message: errors.map(formatLocatedError).join("\n") };
}
