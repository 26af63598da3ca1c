import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { objectKey, type PolicyObject } from "#policy/model/object.ts";
import { parseObjects } from "#policy/parse/objects.ts";
import { parseYaml } from "#policy/parse/yaml.ts";
import { isMap, isSeq, type YAMLMap } from "yaml";
import * as z from "zod";

/** Where the text of a stored object stood: the file that was applied, and the line in it. */
const place = z.object({ file: z.string(), line: z.int().min(1).max(10_000_000) });
type Place = z.infer<typeof place>;

const HEADER = /^# applied: (.*)\n/;
const NAME_MAX = 200;

/** The name of an object's file: `NetworkPolicy_shop_web.yaml`. A very long one ends in a hash. */
export function storedName(key: string): string {
  const readable = key.replaceAll("/", "_");
  const hash = createHash("sha256").update(key).digest("hex").slice(0, 16);
  return `${readable.length > NAME_MAX ? `${readable.slice(0, NAME_MAX)}_${hash}` : readable}.yaml`;
}

/**
 * The text to store for each object of an applied file, by the object's key: the part of
 * the file that defines it, and where that stood, so that its lines stay what they are in
 * the user's file. Objects are left out that lean on what stands elsewhere in the file: an
 * anchor, the kind of a typed list.
 */
export function storeObjects(text: string, file: string, objects: readonly PolicyObject[]): Map<string, string> {
  const byKey = new Map(objects.map((object) => [objectKey(object), object]));
  const yaml = parseYaml(text, file);
  const stored = new Map<string, string>();
  for (const node of yaml.documents.flatMap(definitions)) {
    const [start, end] = node.range ?? [0, 0];
    // A block stands in its old column, because the lines that follow are indented as they were.
    const indent = node.flow ? "" : " ".repeat(start - text.lastIndexOf("\n", start - 1) - 1);
    const part = formatStored({ file, line: yaml.errors.lineOf(start) }, indent + text.slice(start, end));
    const result = readStored(part);
    const key = result.ok ? objectKey(result.object) : "";
    if (result.ok && isDeepStrictEqual(result.object, byKey.get(key))) stored.set(key, part);
  }
  return stored;
}

/** The text to store for an object that cannot stand by itself: the whole file. */
export function storeWhole(text: string, file: string): string {
  return formatStored({ file, line: 1 }, text);
}

export type StoredObject =
  | { readonly ok: true; readonly object: PolicyObject }
  | { readonly ok: false; readonly message: string };

/**
 * Reads what was stored. The folder is ours, but its files may be anything.
 *
 * @param isMeant picks one of several objects.
 */
export function readStored(stored: string, isMeant: (object: PolicyObject) => boolean = () => true): StoredObject {
  const header = HEADER.exec(stored);
  const where = header ? parsePlace(header[1] as string) : null;
  if (!header || where === null) return { ok: false, message: "its first line does not say where it comes from" };
  const parsed = parseObjects(stored.slice(header[0].length), where.file, where.line);
  if (!parsed.ok) return { ok: false, message: parsed.errors[0]?.message ?? "it is malformed" };
  const object = parsed.objects.find(isMeant);
  return object ? { ok: true, object } : { ok: false, message: "it defines something else than its name says" };
}

/** What the user wrote, of what was stored, and the line of his file that it begins with. */
export function storedText(stored: string): { text: string; line: number } {
  const header = HEADER.exec(stored);
  return { text: stored.slice(header?.[0].length ?? 0), line: parsePlace(header?.[1] ?? "")?.line ?? 1 };
}

/** The nodes of a document that define objects: itself, or the items of a list. */
function definitions(document: unknown): YAMLMap[] {
  const items = isMap(document) ? document.get("items", true) : null;
  const nodes: unknown[] = isSeq(items) ? items.items : [document];
  return nodes.filter((node): node is YAMLMap => isMap(node));
}

function formatStored(where: Place, text: string): string {
  return `# applied: ${JSON.stringify(where)}\n${text}${text.endsWith("\n") ? "" : "\n"}`;
}

function parsePlace(text: string): Place | null {
  try {
    const result = place.safeParse(JSON.parse(text));
    return result.success ? result.data : null;
  } catch {
    // Not JSON: somebody has edited the line.
    return null;
  }
}
