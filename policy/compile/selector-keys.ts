import type { CiliumRule, CiliumSpec } from "#policy/model/cilium-object.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import type { LabelSelector } from "#policy/model/selector.ts";
import { podLabelKeys } from "./cilium-selector.ts";

/**
 * Keys of labels that some policy's selector of pods or of nodes names; of pods, also those
 * that a service names, which a policy may speak of.
 */
export function selectorKeys(objects: Iterable<PolicyObject>, of: "pods" | "nodes" = "pods"): Set<string> {
  const keysOf = of === "pods" ? podKeys : nodeKeys;
  const keys = new Set<string>();
  for (const object of objects) for (const key of keysOf(object)) keys.add(key);
  return keys;
}

function podKeys(object: PolicyObject): string[] {
  switch (object.kind) {
    case "NetworkPolicy": {
      const rules = [...object.ingress, ...object.egress];
      const peers = rules.flatMap((rule) => rule.peers.flatMap(({ podSelector }) => podSelector ?? []));
      return [object.podSelector, ...peers].flatMap(labelKeys);
    }
    case "CiliumNetworkPolicy":
    case "CiliumClusterwideNetworkPolicy":
      return object.specs.flatMap((spec) => {
        const selectors = rulesOf(spec).flatMap((rule) => [...(rule.endpoints ?? []), ...rule.requires]);
        return [...(spec.endpoints ? [spec.endpoints] : []), ...selectors].flatMap(podLabelKeys);
      });
    case "ClusterNetworkPolicy":
    case "AdminNetworkPolicy":
    case "BaselineAdminNetworkPolicy": {
      const peers = [...object.ingress, ...object.egress].flatMap((rule) => rule.peers);
      return [object.subject, ...peers].flatMap((peer) => ("pods" in peer ? labelKeys(peer.pods) : []));
    }
    case "Service":
      return Object.keys(object.selector ?? {});
    default:
      return [];
  }
}

function nodeKeys(object: PolicyObject): string[] {
  switch (object.kind) {
    case "CiliumNetworkPolicy":
    case "CiliumClusterwideNetworkPolicy":
      return object.specs.flatMap((spec) => {
        const selectors = rulesOf(spec).flatMap(({ nodes }) => nodes ?? []);
        return [...(spec.nodes ? [spec.nodes] : []), ...selectors].flatMap(labelKeys);
      });
    case "ClusterNetworkPolicy":
    case "AdminNetworkPolicy":
    case "BaselineAdminNetworkPolicy": {
      const peers = [...object.ingress, ...object.egress].flatMap((rule) => rule.peers);
      return peers.flatMap((peer) => (peer.kind === "nodes" ? labelKeys(peer.selector) : []));
    }
    default:
      return [];
  }
}

function rulesOf({ ingress, ingressDeny, egress, egressDeny }: CiliumSpec): CiliumRule[] {
  return [...ingress, ...ingressDeny, ...egress, ...egressDeny];
}

function labelKeys({ matchLabels, matchExpressions }: LabelSelector): string[] {
  return [...Object.keys(matchLabels), ...matchExpressions.map(({ key }) => key)];
}
