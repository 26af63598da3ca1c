import type { CiliumService } from "#policy/model/cilium-object.ts";
import { readServiceSelector } from "./cilium-selector.ts";
import { dnsLabelFault } from "./names.ts";
import type { Fields, Reader } from "./reader.ts";

/** An item of `toServices`. */
export function readService(reader: Reader): CiliumService | null {
  const fields = reader.fields();
  if (!fields) return null;
  const byName = fields.optional("k8sService");
  const byLabels = fields.optional("k8sServiceSelector");
  fields.refuseOthers();
  if (byName && byLabels) byLabels.fail("cannot stand beside k8sService; use two items");
  if (!byName && !byLabels) reader.fail("names no service; accepted are k8sService and k8sServiceSelector");
  if (byName) return readNamed(byName);
  return byLabels && readSelected(byLabels);
}

function readNamed(reader: Reader): CiliumService | null {
  const fields = reader.fields();
  if (!fields) return null;
  const name = fields.required("serviceName")?.text(dnsLabelFault) ?? null;
  const namespace = readNamespace(fields);
  fields.refuseOthers();
  return name === null ? null : { kind: "name", namespace, name };
}

function readSelected(reader: Reader): CiliumService | null {
  const fields = reader.fields();
  if (!fields) return null;
  const selector = fields.required("selector");
  const namespace = readNamespace(fields);
  const service = selector && { kind: "labels" as const, namespace, selector: readServiceSelector(selector) };
  fields.refuseOthers();
  return service;
}

/** The empty text, and no namespace, mean any: also in a policy that has one of its own. */
function readNamespace(fields: Fields): string {
  return fields.optional("namespace")?.text((text) => (text === "" ? null : dnsLabelFault(text))) ?? "";
}
