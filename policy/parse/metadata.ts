import { type ReadControls, readControls, refuseControls } from "./controls.ts";
import { readLabels } from "./label-selector.ts";
import { dnsLabelFault, labelKeyFault } from "./names.ts";
import { entriesOf, type Entry, type Fields } from "./reader.ts";

/** What the metadata of a kind's objects must be like. */
export interface MetadataForm {
  readonly kind: string;
  readonly scope: "namespaced" | "cluster";
  readonly isPolicy: boolean;
  /** What is wrong with a name, or null. */
  readonly nameFault: (name: string) => string | null;
}

export interface Metadata {
  /** Null, with an error, where there is no good one. */
  readonly name: string | null;
  /** Empty for cluster-wide kinds. */
  readonly namespace: string | null;
  readonly labels: Record<string, string>;
  /** Those whose values are texts. */
  readonly annotations: readonly Entry[];
  /** Null for kinds that are no policies. */
  readonly controls: ReadControls | null;
}

/** Where a namespaced object without a namespace lives. */
const DEFAULT_NAMESPACE = "default";

/** Standard fields that say nothing about policy. */
const OTHER_FIELDS = [
  "generateName",
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "finalizers",
  "ownerReferences",
  "managedFields",
  "selfLink",
];

/** Reads `metadata` of an object; null when it is none. */
export function readMetadata(object: Fields, { kind, scope, isPolicy, nameFault }: MetadataForm): Metadata | null {
  const fields = object.required("metadata")?.fields();
  if (!fields) return null;
  const name = fields.required("name")?.text(nameFault) ?? null;
  const labelEntries = entriesOf(fields.optional("labels"));
  const labels = readLabels(labelEntries);
  const annotations = readAnnotations(entriesOf(fields.optional("annotations")));
  const ofLabels = labelEntries.filter((entry) => Object.hasOwn(labels, entry.name));
  const controls = isPolicy ? readControls(annotations, ofLabels) : null;
  if (!isPolicy) refuseControls(annotations, kind);
  fields.ignore(OTHER_FIELDS);
  let namespace: string | null = "";
  if (scope === "namespaced") {
    const given = fields.optional("namespace");
    namespace = given ? given.text(dnsLabelFault) : DEFAULT_NAMESPACE;
  }
  fields.refuseOthers();
  return { name, namespace, labels, annotations, controls };
}

/** Those whose values are texts; the others are reported. */
function readAnnotations(annotations: readonly Entry[]): Entry[] {
  return annotations.filter(({ name, key, value }) => {
    const fault = labelKeyFault(name.toLowerCase());
    if (fault !== null) key.fail(fault.replace("label", "annotation"));
    return value.string() !== null;
  });
}
