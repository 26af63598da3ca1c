/** Kubernetes objects, by as little as a group of scenarios has to say. */
import type { Names } from "./scenario.ts";

type Labels = Readonly<Record<string, string>>;

/** A label of the other namespace. */
export const neighbourLabels: Labels = { team: "blue" };

export interface Rules {
  readonly ingress?: readonly object[];
  readonly egress?: readonly object[];
}

export function labelled(app: string): { matchLabels: Labels } {
  return { matchLabels: { app } };
}

/** A peer of a NetworkPolicy: pods of its own namespace. */
export function pods(app: string): object {
  return { podSelector: labelled(app) };
}

/** A NetworkPolicy named after the pods that it is for. A direction that is given is one that it isolates. */
export function networkPolicy({ namespace }: Names, app: string, rules: Rules): object {
  const policyTypes = [...(rules.ingress ? ["Ingress"] : []), ...(rules.egress ? ["Egress"] : [])];
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: app, namespace },
    spec: { podSelector: labelled(app), policyTypes, ...rules },
  };
}

/** A CiliumNetworkPolicy named after the pods that it is for. */
export function ciliumPolicy({ namespace }: Names, app: string, spec: object): object {
  return {
    apiVersion: "cilium.io/v2",
    kind: "CiliumNetworkPolicy",
    metadata: { name: app, namespace },
    spec: { endpointSelector: labelled(app), ...spec },
  };
}

/** An item of `toPorts`. */
export function ports(protocol: string, port: number | string, endPort?: number): object[] {
  return [{ ports: [{ port: `${port}`, protocol, ...(endPort === undefined ? {} : { endPort }) }] }];
}

/** Pods of the test's own namespace, for a ClusterNetworkPolicy. */
export function ownPods({ namespace }: Names, app: string): { pods: object } {
  const namespaceSelector = { matchLabels: { "kubernetes.io/metadata.name": namespace } };
  return { pods: { namespaceSelector, podSelector: labelled(app) } };
}

/** A ClusterNetworkPolicy for pods of the test's own namespace. */
export function clusterPolicy(
  names: Names,
  { name, tier, priority, app }: { name: string; tier: "Admin" | "Baseline"; priority: number; app: string },
  rules: Rules,
): object {
  return {
    apiVersion: "policy.networking.k8s.io/v1alpha2",
    kind: "ClusterNetworkPolicy",
    metadata: { name: `${names.prefix}-${name}` },
    spec: { tier, priority, subject: ownPods(names, app), ...rules },
  };
}

/** What the node has to know before the pods come: the other namespace's labels, and ports by name. */
export function podObjects({ namespace, neighbour }: Names): object[] {
  const web = (name: string, containerPort: number): object => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels: { app: name } },
    spec: { containers: [{ name: "main", image: "main", ports: [{ name: "web", protocol: "TCP", containerPort }] }] },
  });
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: neighbour, labels: neighbourLabels } },
    web("server", 8080),
    web("second", 9090),
  ];
}

/** Another node of the cluster, at the address `remote`. */
export function remoteNode({ prefix, remote }: Names): object {
  const addresses = [remote[4], remote[6]].map((address) => ({ type: "InternalIP", address }));
  return { apiVersion: "v1", kind: "Node", metadata: { name: `${prefix}-remote` }, status: { addresses } };
}
