import { type PolicyObject, type Source, objectKey } from "#policy/model/object.ts";
import type { KindReader } from "./kind-reader.ts";
import type { LocatedError } from "./located-error.ts";
import { readMetadata } from "./metadata.ts";
import { readNamespace } from "./namespace.ts";
import { readNetworkPolicy } from "./network-policy.ts";
import { readPod } from "./pod.ts";
import { type Fields, Reader } from "./reader.ts";
import { readServiceAccount } from "./service-account.ts";
import { shorten } from "./text.ts";
import { type YamlFile, parseYaml } from "./yaml.ts";

export type ParsedObjects =
  | { readonly ok: true; readonly objects: PolicyObject[] }
  | { readonly ok: false; readonly errors: LocatedError[] };

interface Kind {
  readonly apiVersion: string;
  readonly scope: "namespaced" | "cluster";
  readonly read: KindReader<PolicyObject>;
}

const KINDS: ReadonlyMap<string, Kind> = new Map([
  ["Namespace", { apiVersion: "v1", scope: "cluster", read: readNamespace }],
  ["ServiceAccount", { apiVersion: "v1", scope: "namespaced", read: readServiceAccount }],
  ["Pod", { apiVersion: "v1", scope: "namespaced", read: readPod }],
  ["NetworkPolicy", { apiVersion: "networking.k8s.io/v1", scope: "namespaced", read: readNetworkPolicy }],
] satisfies [string, Kind][]);

/** Kinds that `--objects` is going to take. */
const LATER_KINDS: ReadonlySet<string> = new Set([
  "CiliumNetworkPolicy",
  "CiliumClusterwideNetworkPolicy",
  "ClusterNetworkPolicy",
  "Service",
  "EndpointSlice",
  "Node",
]);

/**
 * Reads Kubernetes objects from YAML (or JSON, which is YAML): one or several documents,
 * lists among them. Either all is well, or every error of the file is told.
 *
 * @param file Named in errors, and in the objects' places.
 */
export function parseObjects(text: string, file: string): ParsedObjects {
  const yaml = parseYaml(text, file);
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
    else if (kind) this.#readObject(fields, kind, listed !== null);
    else if (itemKind !== null && (itemKind === "" || KINDS.has(itemKind))) this.#readList(fields, itemKind);
    else if (LATER_KINDS.has(itemKind ?? name)) kindField?.fail(`kind ${name} is not supported yet`);
    else kindField?.fail(`kind ${shorten(name)} is unknown; known are ${[...KINDS.keys(), "List"].join(", ")}`);
  }

  #readList(fields: Fields, itemKind: string): void {
    fields.ignore(["apiVersion", "metadata"]);
    const items = fields.optional("items")?.items() ?? [];
    fields.refuseOthers();
    for (const item of items) this.read(item, itemKind === "" ? null : itemKind);
  }

  #readObject(fields: Fields, kind: Kind, isListed: boolean): void {
    const version = isListed ? fields.optional("apiVersion") : fields.required("apiVersion");
    version?.oneOf([kind.apiVersion]);
    const metadata = readMetadata(fields, kind.scope);
    const source: Source = { file: this.#yaml.errors.file, line: fields.owner.line };
    // Without a good name the rest is still read, for its errors.
    const base = { namespace: metadata?.namespace ?? "", name: metadata?.name ?? "", source };
    const object = kind.read(fields, base, metadata?.labels ?? {});
    fields.refuseOthers();
    if (!object || !metadata) return;
    const key = objectKey(object);
    const earlier = this.#lines.get(key);
    if (earlier !== undefined) fields.owner.fail(`${key} is already defined at line ${earlier}`);
    this.#lines.set(key, fields.owner.line);
    this.objects.push(object);
  }
}
