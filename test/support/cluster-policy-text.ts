import type { Protocol } from "#policy/model/protocol.ts";

/** Versions of `policy.networking.k8s.io` that a case may be written in. */
export const CLUSTER_VERSIONS = ["v1alpha1", "v1alpha2", "v1beta1"] as const;
export type ClusterVersion = (typeof CLUSTER_VERSIONS)[number];

/** A ClusterNetworkPolicy, or what it was in v1alpha1, before it is written in one of the versions. */
export interface ClusterPolicyText {
  readonly name: string;
  readonly tier: "Admin" | "Baseline";
  readonly priority: number;
  readonly subject: object;
  readonly ingress?: readonly ClusterRuleText[];
  readonly egress?: readonly ClusterRuleText[];
}

export interface ClusterRuleText {
  readonly action: "Accept" | "Deny" | "Pass";
  /** As in a file: all versions write peers alike. */
  readonly peers: readonly object[];
  readonly ports?: readonly ClusterPortText[];
}

export type ClusterPortText =
  | { readonly protocol: Protocol; readonly port: number }
  | { readonly protocol: Protocol; readonly first: number; readonly last: number }
  | { readonly name: string };

/** A policy as a file has it (JSON is YAML, too). In v1alpha1 the kind tells the tier, and only one policy is Baseline. */
export function clusterPolicyText(policy: ClusterPolicyText, version: ClusterVersion): string {
  const { name, tier, priority, subject } = policy;
  const isOld = version === "v1alpha1";
  const kinds = { Admin: "AdminNetworkPolicy", Baseline: "BaselineAdminNetworkPolicy" } as const;
  const place = isOld ? (tier === "Admin" ? { priority } : {}) : { tier, priority };
  const rules = (list: readonly ClusterRuleText[] = [], peersField: "from" | "to"): object[] =>
    list.map(({ action, peers, ports }, i) => ({
      name: `${peersField}-${i}`,
      action: isOld && action === "Accept" ? "Allow" : action,
      [peersField]: peers,
      ...(ports && (isOld ? { ports: ports.map(oldPort) } : { protocols: ports.map(newPort) })),
    }));
  return JSON.stringify({
    apiVersion: `policy.networking.k8s.io/${version}`,
    kind: isOld ? kinds[tier] : "ClusterNetworkPolicy",
    metadata: { name: isOld && tier === "Baseline" ? "default" : name },
    spec: { ...place, subject, ingress: rules(policy.ingress, "from"), egress: rules(policy.egress, "to") },
  });
}

function newPort(port: ClusterPortText): object {
  if ("name" in port) return { destinationNamedPort: port.name };
  const destinationPort = "port" in port ? { number: port.port } : { range: { start: port.first, end: port.last } };
  return { [port.protocol.toLowerCase()]: { destinationPort } };
}

function oldPort(port: ClusterPortText): object {
  if ("name" in port) return { namedPort: port.name };
  const { protocol } = port;
  return "port" in port
    ? { portNumber: { protocol, port: port.port } }
    : { portRange: { protocol, start: port.first, end: port.last } };
}
