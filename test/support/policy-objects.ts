import type { ClusterPeer, ClusterPolicyObject, ClusterRule } from "#policy/model/cluster-object.ts";
import { NO_CONTROLS } from "#policy/model/controls.ts";
import type { Flow, Party } from "#policy/model/flow.ts";
import type { Labels, Subject } from "#policy/model/identity.ts";
import type {
  NamespaceObject,
  NetworkPolicyObject,
  NetworkPolicyPeer,
  NetworkPolicyRule,
} from "#policy/model/object.ts";
import type { LabelSelector, Operator } from "#policy/model/selector.ts";

/** Objects as a parser would make them, by as little as a test has to say. */
export const source = { file: "test.yaml", line: 1 };

export const EVERY: LabelSelector = { matchLabels: {}, matchExpressions: [] };

export function labelled(matchLabels: Labels): LabelSelector {
  return { matchLabels, matchExpressions: [] };
}

export function expression(key: string, operator: Operator, ...values: string[]): LabelSelector {
  return { matchLabels: {}, matchExpressions: [{ key, operator, values }] };
}

export function namespace(name: string, labels: Labels = {}): NamespaceObject {
  return {
    kind: "Namespace",
    namespace: "",
    name,
    source,
    labels: { ...labels, "kubernetes.io/metadata.name": name },
  };
}

/** A pod `NAMESPACE/APP` with the label `app`, at an address of its own. */
export function pod(name: string, address: string, more: Partial<Subject> = {}): Party & { readonly subject: Subject } {
  const [namespace = "", app = ""] = name.split("/");
  const subject = { namespace, labels: { app }, serviceAccount: "default", namedPorts: [], ...more };
  return { subject, address };
}

export const HOST: Party = { reserved: "host", address: "10.0.0.254" };
export const WORLD: Party = { reserved: "world", address: "192.0.2.9" };

export function tcp(source: Party, destination: Party, port = 80): Flow {
  return { source, destination, protocol: "TCP", port };
}

/** Of the namespace `n`, for all of its pods; a direction that is given is one that it isolates. */
export function kubernetesPolicy(more: Partial<NetworkPolicyObject> = {}): NetworkPolicyObject {
  return {
    kind: "NetworkPolicy",
    namespace: "n",
    name: "np",
    source,
    controls: NO_CONTROLS,
    podSelector: EVERY,
    policyTypes: [...(more.ingress ? (["Ingress"] as const) : []), ...(more.egress ? (["Egress"] as const) : [])],
    ingress: [],
    egress: [],
    ...more,
  };
}

export function kubernetesRule(more: Partial<NetworkPolicyRule> = {}): NetworkPolicyRule {
  return { line: 1, peers: [], ports: [], ...more };
}

export function peerOf(more: Partial<NetworkPolicyPeer>): NetworkPolicyPeer {
  return { podSelector: null, namespaceSelector: null, ipBlock: null, ...more };
}

/** For all pods, in the tier Admin. */
export function clusterPolicy(more: Partial<ClusterPolicyObject> = {}): ClusterPolicyObject {
  return {
    kind: "ClusterNetworkPolicy",
    namespace: "",
    name: "cnp",
    source,
    controls: NO_CONTROLS,
    tier: "Admin",
    priority: 10,
    subject: { namespaces: EVERY, pods: EVERY },
    ingress: [],
    egress: [],
    ...more,
  };
}

/** About all pods, unless peers are given. */
export function clusterRule(action: ClusterRule["action"], more: Partial<ClusterRule> = {}): ClusterRule {
  return { line: 1, action, peers: [ALL_PODS], ports: [], ...more };
}

const ALL_PODS: ClusterPeer = { kind: "pods", namespaces: EVERY, pods: EVERY };
