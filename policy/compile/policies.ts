import { type PolicyKindObject, type PolicyObject, isPolicyKind, objectKey } from "#policy/model/object.ts";
import type { Policy } from "#policy/model/rule.ts";
import { fromCilium } from "./cilium-policy.ts";
import { fromClusterPolicy } from "./cluster-policy.ts";
import type { Conversion } from "./conversion.ts";
import { fromNetworkPolicy } from "./network-policy.ts";
import { References } from "./references.ts";

/** The policies among objects. Of two objects with one name the later one counts. */
export function policiesOf(objects: readonly PolicyObject[], conversion: Conversion): Policy[] {
  const references = new References(objects);
  return policyObjects(objects).flatMap((object) => toPolicies(object, references, conversion));
}

/** The objects of policy kinds; of two with one name the later one. */
export function policyObjects(objects: readonly PolicyObject[]): PolicyKindObject[] {
  const byKey = new Map<string, PolicyKindObject>();
  for (const object of objects) if (isPolicyKind(object)) byKey.set(objectKey(object), object);
  return [...byKey.values()];
}

/** What one object says: several policies where it has several specs. */
export function toPolicies(object: PolicyKindObject, references: References, conversion: Conversion): Policy[] {
  switch (object.kind) {
    case "NetworkPolicy":
      return [fromNetworkPolicy(object, conversion)];
    case "CiliumNetworkPolicy":
    case "CiliumClusterwideNetworkPolicy":
      return fromCilium(object, references, conversion);
    case "ClusterNetworkPolicy":
    case "AdminNetworkPolicy":
    case "BaselineAdminNetworkPolicy":
      return [fromClusterPolicy(object, conversion)];
  }
}
