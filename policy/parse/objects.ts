import { NO_CONTROLS } from "#policy/model/controls.ts";
import { isPolicyKind, objectKey, type PolicyObject } from "#policy/model/object.ts";
import type { Source } from "#policy/model/object-base.ts";
import { type NamedRule, namedRules } from "#policy/model/rule-names.ts";
import type { ReadControls } from "./controls.ts";
import { type Kind, KINDS } from "./kinds.ts";
import type { LocatedError } from "./located-error.ts";
import { readMetadata } from "./metadata.ts";
import { type Fields, Reader } from "./reader.ts";
import { shorten } from "./text.ts";
import { type YamlFile, parseYaml } from "./yaml.ts";

export type ParsedObjects =
  | { readonly ok: true; readonly objects: PolicyObject[] }
  | { readonly ok: false; readonly errors: LocatedError[] };

/** Most rules of one policy. The API server's limit on an object's size leaves room for fewer. */
const MAX_RULES = 10_000;

/**
 * Reads Kubernetes objects from YAML (or JSON, which is YAML): one or several documents,
 * lists among them. Either all is well, or every error of the file is told.
 *
 * @param file Named in errors, and in the objects' places.
 * @param firstLine That the text begins with, where it is a part of the file.
 */
export function parseObjects(text: string, file: string, firstLine = 1): ParsedObjects {
  const yaml = parseYaml(text, file, firstLine);
  const objects = new ObjectList(yaml);
  for (const document of yaml.documents) {
    const reader = new Reader(yaml, document, "");
    if (!reader.isNull) objects.read(reader, null);
  }
  const errors = yaml.errors.sorted();
  return errors.length > 0 ? { ok: false, errors } : { ok: true, objects: objects.objects };
}

class ObjectList {
  readonly objects: PolicyObject[] = [];
  readonly #yaml: YamlFile;
  readonly #lines = new Map<string, number>();

  constructor(yaml: YamlFile) {
    this.#yaml = yaml;
  }

  /** @param listed The kind of a typed list's items, which they need not repeat. */
  read(reader: Reader, listed: string | null): void {
    const fields = reader.fields();
    if (!fields) return;
    const kindField = listed === null ? fields.required("kind") : fields.optional("kind");
    const name = kindField ? kindField.string() : listed;
    if (name === null) return;
    const kind = KINDS.get(name);
    const itemKind = name.endsWith("List") ? name.slice(0, -"List".length) : null;
    if (listed !== null && name !== listed) kindField?.fail(`${shorten(name)} is not ${listed}, the kind of the list`);
    else if (kind) this.#readObject(fields, name, kind, listed !== null);
    else if (itemKind !== null && (itemKind === "" || KINDS.has(itemKind))) this.#readList(fields, itemKind);
    else kindField?.fail(`kind ${shorten(name)} is unknown; known are ${[...KINDS.keys(), "List"].join(", ")}`);
  }

  #readList(fields: Fields, itemKind: string): void {
    fields.ignore(["apiVersion", "metadata"]);
    const items = fields.optional("items")?.items() ?? [];
    fields.refuseOthers();
    for (const item of items) this.read(item, itemKind === "" ? null : itemKind);
  }

  #readObject(fields: Fields, name: string, kind: Kind, isListed: boolean): void {
    const versions = Object.keys(kind.versions);
    const versionField = isListed ? fields.optional("apiVersion") : fields.required("apiVersion");
    const version = versionField?.oneOf(versions) ?? versions.at(-1) ?? "";
    const metadata = readMetadata(fields, { kind: name, ...kind });
    const source: Source = { file: this.#yaml.errors.file, line: fields.owner.line };
    // Without a good name the rest is still read, for its errors.
    const base = { namespace: metadata?.namespace ?? "", name: metadata?.name ?? "", source };
    const labels = metadata?.labels ?? {};
    const controls = metadata?.controls?.controls ?? NO_CONTROLS;
    const object = kind.isPolicy
      ? kind.versions[version]?.(fields, { ...base, controls }, labels, [])
      : kind.versions[version]?.(fields, base, labels, metadata?.annotations ?? []);
    fields.refuseOthers();
    if (object && isPolicyKind(object)) checkRules(fields, namedRules(object), metadata?.controls ?? null);
    if (object && metadata && metadata.name !== null && metadata.namespace !== null) this.#add(object, fields);
  }

  #add(object: PolicyObject, fields: Fields): void {
    const key = objectKey(object);
    const earlier = this.#lines.get(key);
    if (earlier !== undefined) fields.owner.fail(`${key} is already defined at line ${earlier}`);
    this.#lines.set(key, fields.owner.line);
    this.objects.push(object);
  }
}

function checkRules(fields: Fields, rules: readonly NamedRule[], controls: ReadControls | null): void {
  if (rules.length > MAX_RULES) {
    fields.owner.fail(`has ${rules.length} rules; at most ${MAX_RULES} are accepted, so make several of it`);
  }
  controls?.check(rules);
}
