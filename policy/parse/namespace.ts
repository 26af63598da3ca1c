import { NAMESPACE_NAME_LABEL, type NamespaceObject } from "#policy/model/object.ts";
import { readIpPool } from "./address-wish.ts";
import type { KindReader } from "./kind-reader.ts";

/** `v1` Namespace. The label with its name is always there, as the API server sees to it. */
export const readNamespace: KindReader<NamespaceObject> = (object, base, labels, annotations) => {
  object.ignore(["spec", "status"]);
  const ipPool = readIpPool(annotations);
  const all = { ...labels, [NAMESPACE_NAME_LABEL]: base.name };
  return { kind: "Namespace", ...base, labels: all, ...(ipPool !== null && { ipPool }) };
};
