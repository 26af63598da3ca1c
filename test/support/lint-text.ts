import { expect } from "vitest";
import type { Finding } from "#policy/lint/finding.ts";
import { lint } from "#policy/lint/lint.ts";
import { formatLocatedError } from "#policy/parse/located-error.ts";
import { parseObjects } from "#policy/parse/objects.ts";
import type { PolicyObject } from "#policy/model/object.ts";

/** Two namespaces, three pods and a node. */
const CLUSTER = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: shop}}
---
apiVersion: v1
kind: Namespace
metadata: {name: kube-system}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: shop, labels: {app: web, tier: front}}
---
apiVersion: v1
kind: Pod
metadata: {name: db-0, namespace: shop, labels: {app: db, tier: back}}
spec: {containers: [{name: db, image: db, ports: [{name: sql, containerPort: 5432}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: dns-0, namespace: kube-system, labels: {k8s-app: kube-dns}}
---
apiVersion: v1
kind: Pod
metadata: {name: agent-0, namespace: kube-system, labels: {k8s-app: agent}}
spec: {hostNetwork: true, containers: [{name: agent, image: agent}]}
---
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {role: worker}}
`;

/** The objects of a text, which has to be right. */
export function objectsOf(text: string, file = "policies.yaml"): PolicyObject[] {
  const parsed = parseObjects(text, file);
  expect(parsed.ok ? [] : parsed.errors.map(formatLocatedError)).toEqual([]);
  return parsed.ok ? parsed.objects : [];
}

/** What lint says of policies in a small cluster, or without one. */
export function lintText(text: string, { cluster = CLUSTER, at }: { cluster?: string; at?: number } = {}): Finding[] {
  const objects = [...objectsOf(cluster, "cluster.yaml"), ...objectsOf(text)];
  return lint(objects, at === undefined ? {} : { at });
}

/** `ingress[0]: message` of the findings with a code. */
export function messages(code: Finding["code"], text: string, options: Parameters<typeof lintText>[1] = {}): string[] {
  return lintText(text, options)
    .filter((one) => one.code === code)
    .map(({ rule, message }) => `${rule}: ${message}`);
}

/** A NetworkPolicy `shop/p` by its spec. */
export function networkPolicy(spec: string, name = "p", namespace = "shop"): string {
  return `---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: ${name}, namespace: ${namespace}}
spec: ${spec}
`;
}

/** A CiliumNetworkPolicy `shop/c` by its spec. */
export function ciliumText(spec: string, name = "c", namespace = "shop"): string {
  return `---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: ${name}, namespace: ${namespace}}
spec: ${spec}
`;
}

/** A CiliumClusterwideNetworkPolicy by its spec. */
export function clusterwideText(spec: string, name = "cc"): string {
  return `---
apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata: {name: ${name}}
spec: ${spec}
`;
}

/** A ClusterNetworkPolicy for all pods, by priority and what else its spec has. */
export function clusterText(priority: number, spec: string, name = `cnp-${priority}`, tier = "Admin"): string {
  return `---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: ${name}}
spec: {tier: ${tier}, priority: ${priority}, subject: {namespaces: {}}, ${spec}}
`;
}
