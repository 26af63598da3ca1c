import type {
  NetworkPolicyObject,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  NetworkPolicyRule,
} from "#policy/model/object.ts";
import type { PortMatch } from "#policy/model/port.ts";
import {
  type Direction,
  type NamespaceMatch,
  type Peer,
  type Policy,
  type Rule,
  normalPrecedence,
} from "#policy/model/rule.ts";
import { toSelector } from "#policy/model/selector.ts";
import type { Conversion } from "./conversion.ts";

/** Says a NetworkPolicy in the vocabulary of rules. */
export function fromNetworkPolicy(object: NetworkPolicyObject, conversion: Conversion): Policy {
  const { kind, namespace, name } = object;
  const here: NamespaceMatch = { kind: "name", name: namespace };
  const subjects = { kind: "pods", namespaces: here, labels: toSelector(object.podSelector) } as const;
  const isolates = {
    ingress: object.policyTypes.includes("Ingress"),
    egress: object.policyTypes.includes("Egress"),
  };
  const toRule = (direction: Direction, { line, peers, ports }: NetworkPolicyRule, index: number): Rule =>
    conversion.rule(object, subjects, { rule: `${direction}[${index}]`, line }, 0, {
      direction,
      action: "allow",
      precedence: normalPrecedence("allow"),
      peers: peers.length > 0 ? peers.map((peer) => toPeer(peer, here, conversion)) : null,
      ports: ports.length > 0 ? ports.map(toPortMatch) : null,
      isNarrowed: false,
      l7: null,
      serverNames: [],
    });
  return {
    description: { kind, namespace, name, ...object.source },
    subjects,
    isolates,
    isStaged: conversion.isStaged(object),
    requires: { ingress: [], egress: [] },
    // A section whose direction is not among the policy types has no effect.
    rules: [
      ...(isolates.ingress ? object.ingress.map((rule, index) => toRule("ingress", rule, index)) : []),
      ...(isolates.egress ? object.egress.map((rule, index) => toRule("egress", rule, index)) : []),
    ],
  };
}

function toPeer(peer: NetworkPolicyPeer, here: NamespaceMatch, conversion: Conversion): Peer {
  const { podSelector, namespaceSelector, ipBlock } = peer;
  if (ipBlock) return conversion.block(ipBlock.cidr, ipBlock.except, conversion.blockScope("any"));
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
