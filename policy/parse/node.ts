import type { NodeObject } from "#policy/model/object.ts";
import { formatAddress } from "#policy/model/cidr.ts";
import { readAddress } from "./address.ts";
import type { KindReader } from "./kind-reader.ts";

/** Addresses of these types belong to the node; the others are names. */
const ADDRESS_TYPES: readonly (string | null)[] = ["InternalIP", "ExternalIP"];

/** `v1` Node: its labels and addresses. Its other fields are not looked at. */
export const readNode: KindReader<NodeObject> = (object, base, labels) => {
  object.ignore(["spec"]);
  const addresses = new Set<string>();
  for (const item of object.optional("status")?.fields()?.optional("addresses")?.items() ?? []) {
    const fields = item.fields();
    const type = fields?.required("type")?.string() ?? null;
    const field = fields?.required("address");
    if (!field || !ADDRESS_TYPES.includes(type)) continue;
    const address = readAddress(field);
    if (address !== null) addresses.add(formatAddress(address));
  }
  return { kind: "Node", ...base, labels, addresses: [...addresses] };
};
