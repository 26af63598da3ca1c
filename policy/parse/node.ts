import type { NodeObject } from "#policy/model/object.ts";
import { formatAddress, formatCidr } from "#policy/model/cidr.ts";
import { readAddress } from "./address.ts";
import { readRange } from "./cidr.ts";
import type { KindReader } from "./kind-reader.ts";
import type { Fields } from "./reader.ts";

/** Addresses of these types belong to the node; the others are names. */
const ADDRESS_TYPES: readonly (string | null)[] = ["InternalIP", "ExternalIP"];

/** `v1` Node: its labels, its addresses and the ranges of its pods. Its other fields are not looked at. */
export const readNode: KindReader<NodeObject> = (object, base, labels) => {
  const spec = object.optional("spec")?.fields() ?? null;
  const addresses = new Set<string>();
  for (const item of object.optional("status")?.fields()?.optional("addresses")?.items() ?? []) {
    const fields = item.fields();
    const type = fields?.required("type")?.string() ?? null;
    const field = fields?.required("address");
    if (!field || !ADDRESS_TYPES.includes(type)) continue;
    const address = readAddress(field);
    if (address !== null) addresses.add(formatAddress(address));
  }
  const podCidrs = spec ? readPodCidrs(spec) : [];
  return { kind: "Node", ...base, labels, addresses: [...addresses], ...(podCidrs.length > 0 && { podCidrs }) };
};

/** `podCIDR` is what `podCIDRs` begins with, where there is such. */
function readPodCidrs(spec: Fields): string[] {
  const single = spec.optional("podCIDR");
  const several = spec.optional("podCIDRs")?.items() ?? [];
  const ranges = (several.length > 0 || !single ? several : [single]).map(readRange);
  return [...new Set(ranges.filter((range) => range !== null).map(formatCidr))];
}
