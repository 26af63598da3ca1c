import { formatAddress, parseAddress } from "#policy/model/cidr.ts";
import type { ServiceObject } from "#policy/model/object.ts";
import type { KindReader } from "./kind-reader.ts";
import { readLabels } from "./label-selector.ts";
import { entriesOf, type Fields } from "./reader.ts";

/** `v1` Service: its labels, its own addresses, and the pods behind it. Its other fields are not looked at. */
export const readService: KindReader<ServiceObject> = (object, base, labels) => {
  object.ignore(["status"]);
  const spec = object.optional("spec")?.fields() ?? null;
  const selector = readLabels(entriesOf(spec?.optional("selector") ?? null));
  // Of a service that is another name for a host, Kubernetes ignores the selector.
  const isAlias = spec?.optional("type")?.string() === "ExternalName";
  const selects = !isAlias && Object.keys(selector).length > 0;
  const clusterIps = readClusterIps(spec);
  return {
    kind: "Service",
    ...base,
    labels,
    selector: selects ? selector : null,
    ...(clusterIps.length > 0 && { clusterIps }),
  };
};

function readClusterIps(spec: Fields | null): string[] {
  const readers = [spec?.optional("clusterIP") ?? null, ...(spec?.optional("clusterIPs")?.items() ?? [])];
  const addresses = new Set<string>();
  for (const reader of readers) {
    const text = reader?.string();
    // A headless service says `None`. Nothing but names depends on it, so what is no address is passed over.
    const address = text ? parseAddress(text) : null;
    if (address) addresses.add(formatAddress(address));
  }
  return [...addresses];
}
