import type { ObjectControls } from "./controls.ts";
import type { NameMatch } from "./l7.ts";
import type { ObjectBase } from "./object-base.ts";
import type { Protocol } from "./protocol.ts";
import type { LabelSelector } from "./selector.ts";

/**
 * `policy.networking.k8s.io` ClusterNetworkPolicy (v1alpha2, v1beta1), and what came before it
 * (v1alpha1): AdminNetworkPolicy is of the Admin tier, BaselineAdminNetworkPolicy of the Baseline
 * tier, after every ClusterNetworkPolicy of that tier.
 */
export interface ClusterPolicyObject extends ObjectBase {
  readonly kind: "ClusterNetworkPolicy" | "AdminNetworkPolicy" | "BaselineAdminNetworkPolicy";
  readonly controls: ObjectControls;
  readonly tier: "Admin" | "Baseline";
  /** 0 (first) to 1000; 1001 for a BaselineAdminNetworkPolicy. */
  readonly priority: number;
  readonly subject: NamespacedPods;
  readonly ingress: readonly ClusterRule[];
  readonly egress: readonly ClusterRule[];
}

/** Pods by their namespace's labels and their own. */
export interface NamespacedPods {
  readonly namespaces: LabelSelector;
  readonly pods: LabelSelector;
}

export interface ClusterRule {
  readonly line: number | null;
  /** `Allow` of v1alpha1 is `Accept`. */
  readonly action: "Accept" | "Deny" | "Pass";
  /** Never empty. */
  readonly peers: readonly ClusterPeer[];
  /** Empty: any protocol and port. */
  readonly ports: readonly ClusterPort[];
}

export type ClusterPeer =
  | ({ readonly kind: "pods" } & NamespacedPods)
  | { readonly kind: "nodes"; readonly selector: LabelSelector }
  /** Canonical texts. */
  | { readonly kind: "networks"; readonly cidrs: readonly string[] }
  | { readonly kind: "names"; readonly names: readonly NameMatch[] };

/** A port's name may be one of any protocol. */
export type ClusterPort =
  | { readonly kind: "all"; readonly protocol: Protocol }
  | { readonly kind: "range"; readonly protocol: Protocol; readonly first: number; readonly last: number }
  | { readonly kind: "name"; readonly name: string };
