import type { ObjectControls } from "./controls.ts";
import type { Labels } from "./identity.ts";
import type { L7Rules, NameMatch } from "./l7.ts";
import type { ObjectBase } from "./object-base.ts";
import type { FlowProtocol } from "./protocol.ts";
import type { Entity } from "./reserved.ts";
import type { LabelSelector } from "./selector.ts";

/**
 * `cilium.io/v2` CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy (whose namespace is
 * empty). `spec` and each of `specs` is one {@link CiliumSpec}.
 */
export interface CiliumPolicyObject extends ObjectBase {
  readonly kind: "CiliumNetworkPolicy" | "CiliumClusterwideNetworkPolicy";
  readonly controls: ObjectControls;
  readonly specs: readonly CiliumSpec[];
}

export interface CiliumSpec {
  /** What stands before the names of its rules: empty for `spec`, `specs[0].` and so on. */
  readonly prefix: string;
  /** Exactly one of `endpoints` and `nodes` is not null. Keys have their source: see {@link CiliumSelector}. */
  readonly endpoints: CiliumSelector | null;
  /** Of a clusterwide policy about nodes; keys are those of node labels. */
  readonly nodes: LabelSelector | null;
  readonly ingress: readonly CiliumRule[];
  readonly ingressDeny: readonly CiliumRule[];
  readonly egress: readonly CiliumRule[];
  readonly egressDeny: readonly CiliumRule[];
  /** As given, or else true; in a direction without rules always false. */
  readonly defaultDeny: { readonly ingress: boolean; readonly egress: boolean };
}

export const CILIUM_SECTIONS = ["ingress", "ingressDeny", "egress", "egressDeny"] as const;
export type CiliumSection = (typeof CILIUM_SECTIONS)[number];

/**
 * A selector whose keys are those of Cilium's labels, without the sources `k8s:` and `any:`:
 * a pod's own; `io.kubernetes.pod.namespace`; `io.cilium.k8s.namespace.labels.KEY`;
 * `io.cilium.k8s.policy.serviceaccount`; `io.cilium.k8s.policy.cluster` (always `default`);
 * and `reserved:NAME`, with the empty value, for a reserved party, of which it names one at most.
 */
export type CiliumSelector = LabelSelector;

/**
 * One item of a section. At most one kind of peers is not null. One that is null is not there;
 * one that is empty matches nobody. A rule with neither peers nor ports matches nothing; without
 * peers, but with ports, it matches any peer.
 */
export interface CiliumRule {
  readonly line: number | null;
  readonly endpoints: readonly CiliumSelector[] | null;
  readonly cidrs: readonly CiliumCidr[] | null;
  readonly entities: readonly Entity[] | null;
  readonly nodes: readonly LabelSelector[] | null;
  /** Only on egress. */
  readonly services: readonly CiliumService[] | null;
  /** Only of `egress`, where `toFQDNs` is. */
  readonly names: readonly NameMatch[] | null;
  /** Not peers of their own: they narrow every `endpoints` of this direction, whichever policy it stands in. */
  readonly requires: readonly CiliumSelector[];
  /** `toPorts`; null: not there. */
  readonly ports: readonly CiliumPorts[] | null;
  /** `icmps`, in place of `ports`; null: not there. */
  readonly icmps: readonly { readonly protocol: "ICMP" | "ICMPv6"; readonly type: number }[] | null;
}

/** One range, or the ranges of CiliumCIDRGroup objects by name or by labels. */
export type CiliumCidr =
  | { readonly kind: "cidr"; readonly cidr: string; readonly except: readonly string[] }
  | { readonly kind: "group"; readonly name: string; readonly except: readonly string[] }
  | { readonly kind: "groups"; readonly selector: LabelSelector; readonly except: readonly string[] };

/** A service by name, or by its labels; `namespace` empty: any. */
export type CiliumService =
  | { readonly kind: "name"; readonly namespace: string; readonly name: string }
  | { readonly kind: "labels"; readonly namespace: string; readonly selector: LabelSelector };

/** One item of `toPorts`. None of `ports` matches nothing. */
export interface CiliumPorts {
  readonly ports: readonly CiliumPort[];
  /** Names that a TLS client may ask for; empty: any. */
  readonly serverNames: readonly string[];
  readonly l7: L7Rules | null;
}

export interface CiliumPort {
  /** `ANY`: TCP, UDP and SCTP. */
  readonly protocol: FlowProtocol | "ANY";
  /** A number from 1, a name in lower case, or null for all (which is written 0). */
  readonly port: number | string | null;
  /** Last of a range; null: a single port. */
  readonly endPort: number | null;
}

/** `cilium.io/v2` or `v2alpha1` CiliumCIDRGroup. */
export interface CiliumCidrGroupObject extends ObjectBase {
  readonly kind: "CiliumCIDRGroup";
  readonly labels: Labels;
  /** Canonical texts. */
  readonly cidrs: readonly string[];
}
