import type { PolicyObject } from "./object.ts";
import type { LabelSelector } from "./selector.ts";

/** Keys of pod labels that some policy's selector names. */
export function selectorKeys(objects: Iterable<PolicyObject>): Set<string> {
  const keys = new Set<string>();
  const add = (selector: LabelSelector | null): void => {
    if (selector === null) return;
    for (const key of Object.keys(selector.matchLabels)) keys.add(key);
    for (const { key } of selector.matchExpressions) keys.add(key);
  };
  for (const object of objects) {
    if (object.kind !== "NetworkPolicy") continue;
    add(object.podSelector);
    for (const { peers } of [...object.ingress, ...object.egress]) for (const peer of peers) add(peer.podSelector);
  }
  return keys;
}
