import type { ServiceObject } from "#policy/model/object.ts";
import type { KindReader } from "./kind-reader.ts";
import { readLabels } from "./label-selector.ts";
import { entriesOf } from "./reader.ts";

/** `v1` Service: its labels, and the pods behind it. Its other fields are not looked at. */
export const readService: KindReader<ServiceObject> = (object, base, labels) => {
  object.ignore(["status"]);
  const spec = object.optional("spec")?.fields() ?? null;
  const selector = readLabels(entriesOf(spec?.optional("selector") ?? null));
  // Of a service that is another name for a host, Kubernetes ignores the selector.
  const isAlias = spec?.optional("type")?.string() === "ExternalName";
  const selects = !isAlias && Object.keys(selector).length > 0;
  return { kind: "Service", ...base, labels, selector: selects ? selector : null };
};
