import type { PoliciesInForce } from "#agent/api/policy-views.ts";
import type { LintOptions } from "#policy/lint/context.ts";
import type { Finding } from "#policy/lint/finding.ts";
import { lint } from "#policy/lint/lint.ts";
import { type PolicyObject, objectKey } from "#policy/model/object.ts";
import { type LocatedError, formatLocatedError } from "#policy/parse/located-error.ts";
import type { ParsedObjects } from "#policy/parse/objects.ts";
import { parseDocuments, readObjectFiles } from "./object-files.ts";

export type LintOutcome =
  | { readonly ok: true; readonly findings: readonly Finding[] }
  | { readonly ok: false; readonly message: string };

export interface LintRequest {
  /** A folder of objects, or what an agent says; null: there is nothing around the documents. */
  readonly around: { readonly folder: string } | PoliciesInForce | null;
  /** Documents that are looked at in the light of the objects around them, in place of namesakes there. */
  readonly documents: readonly { readonly text: string; readonly file: string }[];
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Answers `weir policy lint`. Of objects around documents only what has to do with the documents is told. */
export async function lintObjects({ around, documents, at }: LintRequest): Promise<LintOutcome> {
  const others = await readAround(around);
  const parsed = parseDocuments(documents);
  const errors = [others, parsed].flatMap((result): readonly LocatedError[] => (result.ok ? [] : result.errors));
  if (errors.length > 0) return { ok: false, message: errors.map(formatLocatedError).join("\n") };
  const own = parsed.ok ? parsed.objects : [];
  const all = [...(others.ok ? others.objects : []), ...own];
  const options: LintOptions = around && "objects" in around ? { at, cidrMatchesPods: around.cidrMatchesPods } : { at };
  // The documents stand in place of their namesakes.
  const findings = lint(new Map(all.map((object) => [objectKey(object), object])).values(), options);
  if (around === null || documents.length === 0) return { ok: true, findings };
  const names = new Set(own.map(objectKey));
  const isAboutThem = ({ related, ...place }: Finding): boolean =>
    [place, ...related].some((one) => names.has(objectKey(one)));
  return { ok: true, findings: findings.filter(isAboutThem) };
}

async function readAround(around: LintRequest["around"]): Promise<ParsedObjects> {
  if (around === null) return { ok: true, objects: [] };
  if ("folder" in around) return readObjectFiles(around.folder);
  // The agent is trusted: its objects are as its own engine has them.
  return { ok: true, objects: around.objects as readonly unknown[] as PolicyObject[] };
}
