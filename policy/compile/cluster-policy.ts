import type {
  ClusterPeer,
  ClusterPolicyObject,
  ClusterPort,
  ClusterRule,
  NamespacedPods,
} from "#policy/model/cluster-object.ts";
import type { PortMatch } from "#policy/model/port.ts";
import { PROTOCOLS } from "#policy/model/protocol.ts";
import {
  type Direction,
  OrderedTier,
  type Peer,
  type PodMatch,
  type Policy,
  type Rule,
  orderedPrecedence,
} from "#policy/model/rule.ts";
import { toSelector } from "#policy/model/selector.ts";
import type { Conversion } from "./conversion.ts";

const ACTIONS = { Accept: "allow", Deny: "deny", Pass: "pass" } as const;
const TIERS = { Admin: OrderedTier.admin, Baseline: OrderedTier.baseline } as const;

/** Says a ClusterNetworkPolicy, or one of its predecessors, in the vocabulary of rules. */
export function fromClusterPolicy(object: ClusterPolicyObject, conversion: Conversion): Policy {
  const { kind, namespace, name } = object;
  const subjects = toPods(object.subject);
  const toRule = (direction: Direction, { line, action, peers, ports }: ClusterRule, index: number): Rule =>
    conversion.rule(object, subjects, { rule: `${direction}[${index}]`, line }, 0, {
      direction,
      action: ACTIONS[action],
      precedence: orderedPrecedence(TIERS[object.tier], object.priority, index, ACTIONS[action]),
      peers: peers.flatMap((peer) => toPeers(peer, conversion)),
      ports: ports.length > 0 ? ports.flatMap(toPortMatches) : null,
      isNarrowed: false,
      l7: null,
      serverNames: [],
    });
  return {
    description: { kind, namespace, name, ...object.source },
    subjects,
    isolates: { ingress: false, egress: false },
    isStaged: conversion.isStaged(object),
    requires: { ingress: [], egress: [] },
    rules: [
      ...object.ingress.map((rule, index) => toRule("ingress", rule, index)),
      ...object.egress.map((rule, index) => toRule("egress", rule, index)),
    ],
  };
}

function toPods({ namespaces, pods }: NamespacedPods): PodMatch {
  return { kind: "pods", namespaces: { kind: "labels", selector: toSelector(namespaces) }, labels: toSelector(pods) };
}

function toPeers(peer: ClusterPeer, conversion: Conversion): Peer[] {
  switch (peer.kind) {
    case "pods":
      return [toPods(peer)];
    case "nodes":
      return [{ kind: "nodes", labels: toSelector(peer.selector) }];
    case "networks":
      return peer.cidrs.map((cidr) => conversion.block(cidr, [], conversion.blockScope("any")));
    case "names":
      return peer.names.map((match) => ({ kind: "names", match }));
  }
}

function toPortMatches(port: ClusterPort): PortMatch[] {
  return port.kind === "name" ? PROTOCOLS.map((protocol) => ({ protocol, ...port })) : [port];
}
