import { stringify } from "yaml";

interface Peer {
  readonly podSelector?: object;
  readonly namespaceSelector?: object;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}

interface Port {
  readonly protocol?: "TCP" | "UDP" | "SCTP";
  readonly port: number | string;
  readonly endPort?: number;
}

export interface NetworkPolicySpec {
  readonly name: string;
  readonly namespace?: string;
  /** Labels of the pods that it selects; empty: all of the namespace. */
  readonly selects?: Readonly<Record<string, string>>;
  readonly ingress?: readonly { readonly from?: readonly Peer[]; readonly ports?: readonly Port[] }[];
  readonly egress?: readonly { readonly to?: readonly Peer[]; readonly ports?: readonly Port[] }[];
}

/** Pods of the policy's namespace with a label `app`. */
export function app(name: string): Peer {
  return { podSelector: { matchLabels: { app: name } } };
}

/** A NetworkPolicy as YAML. A direction that is given, even with no rules, is one that it isolates. */
export function networkPolicy({ name, namespace = "default", selects = {}, ...rules }: NetworkPolicySpec): string {
  const policyTypes = [
    ...(rules.ingress === undefined ? [] : ["Ingress"]),
    ...(rules.egress === undefined ? [] : ["Egress"]),
  ];
  return stringify({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name, namespace },
    spec: { podSelector: { matchLabels: selects }, policyTypes, ...rules },
  });
}
