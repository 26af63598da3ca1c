import type { ClusterPolicyObject, ClusterRule } from "#policy/model/cluster-object.ts";

/** What the kinds and versions of cluster-wide policies do differently. */
export interface ClusterDialect {
  readonly kind: ClusterPolicyObject["kind"];
  /** Actions by their names in the file. */
  readonly actions: Readonly<Record<string, ClusterRule["action"]>>;
  /** Most rules of a direction, most peers of a rule, and most items of its `ports`. */
  readonly most: number;
  /** How ports are written. */
  readonly ports: "ports" | "protocols";
  /** Whether egress rules can name DNS names. */
  readonly hasDomainNames: boolean;
  /** Whether a network with bits beyond its prefix is refused. */
  readonly isMasked: boolean;
}

const NEW = {
  kind: "ClusterNetworkPolicy",
  actions: { Accept: "Accept", Deny: "Deny", Pass: "Pass" },
  most: 25,
  ports: "protocols",
  hasDomainNames: true,
} as const;

const OLD = { most: 100, ports: "ports", isMasked: false } as const;

/** `policy.networking.k8s.io`, by what comes after it in `apiVersion`. */
export const clusterDialects = {
  v1beta1: { ...NEW, isMasked: true },
  v1alpha2: { ...NEW, isMasked: false },
  admin: {
    ...OLD,
    kind: "AdminNetworkPolicy",
    actions: { Allow: "Accept", Deny: "Deny", Pass: "Pass" },
    hasDomainNames: true,
  },
  baseline: {
    ...OLD,
    kind: "BaselineAdminNetworkPolicy",
    actions: { Allow: "Accept", Deny: "Deny" },
    hasDomainNames: false,
  },
} as const satisfies Record<string, ClusterDialect>;
