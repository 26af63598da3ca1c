import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { PolicyObject } from "#policy/model/object.ts";
import type { LocatedError } from "#policy/parse/located-error.ts";
import { parseObjects } from "#policy/parse/objects.ts";

export type ObjectFiles =
  | { readonly ok: true; readonly objects: PolicyObject[] }
  | { readonly ok: false; readonly errors: LocatedError[] };

/**
 * The objects of a folder, as the agent reads it with `--objects`: files ending in
 * `.yaml`, `.yml` or `.json`, by name, each named by its path in the folder.
 *
 * @throws the system's error when the folder or a file cannot be read.
 */
export async function readObjectFiles(folder: string): Promise<ObjectFiles> {
  const names = (await readdir(folder)).filter((name) => /^[^.].*\.(ya?ml|json)$/.test(name)).sort();
  const parsed = await Promise.all(
    names.map(async (name) => parseObjects(await readFile(join(folder, name), "utf8"), name)),
  );
  const errors = parsed.flatMap((result) => (result.ok ? [] : result.errors));
  if (errors.length > 0) return { ok: false, errors };
  return { ok: true, objects: parsed.flatMap((result) => (result.ok ? result.objects : [])) };
}
