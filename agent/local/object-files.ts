import { objectKey, type PolicyObject } from "#policy/model/object.ts";
import type { LocatedError } from "#policy/parse/located-error.ts";
import { type ParsedObjects, parseObjects } from "#policy/parse/objects.ts";
import { oneLine } from "#policy/parse/text.ts";
import { type ObjectText, readObjectTexts } from "./object-texts.ts";

/** The objects of a folder, as the agent reads it with `--objects`; see {@link readObjectTexts}. */
export async function readObjectFiles(folder: string, nameOf?: (name: string) => string): Promise<ParsedObjects> {
  return parseDocuments(await readObjectTexts(folder, nameOf));
}

/** The objects of several documents that count together; see {@link readDocuments}. */
export function parseDocuments(documents: readonly ObjectText[]): ParsedObjects {
  const { objects, errors } = readDocuments(documents);
  return errors.length > 0 ? { ok: false, errors } : { ok: true, objects };
}

/** The objects of the documents that are well, and all errors: an object that two of them define is one, too. */
export function readDocuments(documents: readonly ObjectText[]): { objects: PolicyObject[]; errors: LocatedError[] } {
  const parsed = documents.map(({ text, file }) => parseObjects(text, file));
  const objects = parsed.flatMap((result) => (result.ok ? result.objects : []));
  const errors = parsed.flatMap((result) => (result.ok ? [] : result.errors));
  return { objects, errors: [...errors, ...duplicates(objects)] };
}

function duplicates(objects: readonly PolicyObject[]): LocatedError[] {
  const earlier = new Map<string, PolicyObject>();
  return objects.flatMap((object) => {
    const key = objectKey(object);
    const first = earlier.get(key);
    if (!first) earlier.set(key, object);
    return first ? [duplicate(key, object, first)] : [];
  });
}

function duplicate(key: string, { source }: PolicyObject, first: PolicyObject): LocatedError {
  const message = `${key} is already defined at ${oneLine(first.source.file)}:${first.source.line ?? 1}`;
  return { file: source.file, line: source.line ?? 1, column: 1, field: "metadata.name", message };
}
