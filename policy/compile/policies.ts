import { type PolicyObject, objectKey } from "#policy/model/object.ts";
import type { Policy } from "#policy/model/rule.ts";
import { fromNetworkPolicy } from "./network-policy.ts";

/** The policies among objects. Of two objects with one name the later one counts. */
export function policiesOf(objects: Iterable<PolicyObject>): Policy[] {
  const policies = new Map<string, Policy>();
  for (const object of objects) {
    if (object.kind === "NetworkPolicy") policies.set(objectKey(object), fromNetworkPolicy(object));
  }
  return [...policies.values()];
}
