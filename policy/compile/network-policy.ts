import { contentHash } from "#policy/model/hash.ts";
import {
  type NetworkPolicyObject,
  type NetworkPolicyPeer,
  type NetworkPolicyPort,
  type NetworkPolicyRule,
  objectKey,
} from "#policy/model/object.ts";
import type { PortMatch } from "#policy/model/port.ts";
import { type Direction, type NamespaceMatch, type Peer, type Policy, type Rule, Tier } from "#policy/model/rule.ts";
import { toSelector } from "#policy/model/selector.ts";

/** Says a NetworkPolicy in the vocabulary of rules. */
export function fromNetworkPolicy(object: NetworkPolicyObject): Policy {
  const { kind, namespace, name } = object;
  const here: NamespaceMatch = { kind: "name", name: namespace };
  const subjects = { kind: "pods", namespaces: here, labels: toSelector(object.podSelector) } as const;
  const isolates = {
    ingress: object.policyTypes.includes("Ingress"),
    egress: object.policyTypes.includes("Egress"),
  };

  const toRule = (direction: Direction, source: NetworkPolicyRule, index: number): Rule => {
    const content = {
      action: "allow",
      tier: Tier.normal,
      peers: source.peers.length > 0 ? source.peers.map((peer) => toPeer(peer, here)) : null,
      ports: source.ports.length > 0 ? source.ports.map(toPortMatch) : null,
    } as const;
    const { file } = object.source;
    const { line } = source;
    const rule = `${direction}[${index}]`;
    const hash = contentHash(JSON.stringify([content, subjects.labels, file, line]));
    return {
      key: `${objectKey(object)}@${hash}#${rule}`,
      description: { kind, namespace, name, rule, file, line },
      direction,
      ...content,
    };
  };

  return {
    description: { kind, namespace, name, ...object.source },
    subjects,
    isolates,
    // A section whose direction is not among the policy types has no effect.
    rules: [
      ...(isolates.ingress ? object.ingress.map((rule, index) => toRule("ingress", rule, index)) : []),
      ...(isolates.egress ? object.egress.map((rule, index) => toRule("egress", rule, index)) : []),
    ],
  };
}

function toPeer({ podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer, here: NamespaceMatch): Peer {
  if (ipBlock) return { kind: "block", ...ipBlock };
  return {
    kind: "pods",
    namespaces: namespaceSelector ? { kind: "labels", selector: toSelector(namespaceSelector) } : here,
    labels: podSelector ? toSelector(podSelector) : [],
  };
}

function toPortMatch({ protocol, port, endPort }: NetworkPolicyPort): PortMatch {
  if (port === null) return { protocol, kind: "all" };
  if (typeof port === "string") return { protocol, kind: "name", name: port };
  return { protocol, kind: "range", first: port, last: endPort ?? port };
}
