import { readLabels } from "./label-selector.ts";
import { dnsLabelFault, dnsNameFault, labelKeyFault } from "./names.ts";
import type { Fields } from "./reader.ts";

export interface Metadata {
  readonly name: string;
  /** Empty for cluster-wide kinds. */
  readonly namespace: string;
  readonly labels: Record<string, string>;
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

/** Reads `metadata` of an object; null when it has no good name. */
export function readMetadata(object: Fields, scope: "namespaced" | "cluster"): Metadata | null {
  const fields = object.required("metadata")?.fields();
  if (!fields) return null;
  const name = fields.required("name")?.text(scope === "cluster" ? dnsLabelFault : dnsNameFault) ?? null;
  const labels = readLabels(fields.optional("labels"));
  for (const annotation of fields.optional("annotations")?.fields()?.entries() ?? []) {
    const fault = labelKeyFault(annotation.name.toLowerCase());
    if (fault !== null) annotation.key.fail(fault.replace("label", "annotation"));
    annotation.value.string();
  }
  fields.ignore(OTHER_FIELDS);
  let namespace: string | null = "";
  if (scope === "namespaced") {
    const given = fields.optional("namespace");
    namespace = given ? given.text(dnsLabelFault) : DEFAULT_NAMESPACE;
  }
  fields.refuseOthers();
  return name === null || namespace === null ? null : { name, namespace, labels };
}
