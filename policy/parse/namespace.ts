import { NAMESPACE_NAME_LABEL, type NamespaceObject } from "#policy/model/object.ts";
import type { KindReader } from "./kind-reader.ts";

/** `v1` Namespace. The label with its name is always there, as the API server sees to it. */
export const readNamespace: KindReader<NamespaceObject> = (object, base, labels) => {
  object.ignore(["spec", "status"]);
  return { kind: "Namespace", ...base, labels: { ...labels, [NAMESPACE_NAME_LABEL]: base.name } };
};
