import { formatCidr } from "#policy/model/cidr.ts";
import type { CiliumCidrGroupObject } from "#policy/model/cilium-object.ts";
import { readRange } from "./cidr.ts";
import type { KindReader } from "./kind-reader.ts";

/** `cilium.io/v2` and `cilium.io/v2alpha1` CiliumCIDRGroup: ranges outside of the cluster that policies name together. */
export const readCiliumCidrGroup: KindReader<CiliumCidrGroupObject> = (object, base, labels) => {
  object.ignore(["status"]);
  const { namespace, name, source } = base;
  const fields = object.required("spec")?.fields();
  if (!fields) return null;
  const ranges = (fields.required("externalCIDRs")?.items() ?? []).map(readRange);
  fields.refuseOthers();
  const cidrs = new Set(ranges.filter((range) => range !== null).map(formatCidr));
  return { kind: "CiliumCIDRGroup", namespace, name, source, labels, cidrs: [...cidrs].sort() };
};
