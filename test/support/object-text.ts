import { stringify } from "yaml";

const versions = {
  CiliumClusterwideNetworkPolicy: "cilium.io/v2",
  CiliumNetworkPolicy: "cilium.io/v2",
  ClusterNetworkPolicy: "policy.networking.k8s.io/v1alpha2",
  EndpointSlice: "discovery.k8s.io/v1",
  Node: "v1",
  Service: "v1",
} as const;

interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An object as YAML. */
export function objectText(kind: keyof typeof versions, metadata: Metadata, rest: object): string {
  return stringify({ apiVersion: versions[kind], kind, metadata, ...rest }, { aliasDuplicateObjects: false });
}

/** Several objects in one file. */
export function together(...texts: readonly string[]): string {
  return texts.join("---\n");
}

/** Selects pods with a label `app`. */
export function labelled(app: string): { matchLabels: { app: string } } {
  return { matchLabels: { app } };
}

/** A CiliumNetworkPolicy of the namespace `default`, named after the label `app` of the pods that it is for. */
export function ciliumPolicy(app: string, rules: object, more: Partial<Metadata> = {}): string {
  const spec = { endpointSelector: labelled(app), ...rules };
  return objectText("CiliumNetworkPolicy", { name: app, namespace: "default", ...more }, { spec });
}

/** A CiliumClusterwideNetworkPolicy for all nodes, unless its rules name others. */
export function hostPolicy(rules: object, more: Partial<Metadata> = {}): string {
  const spec = { nodeSelector: {}, ...rules };
  return objectText("CiliumClusterwideNetworkPolicy", { name: "host", ...more }, { spec });
}

/** An item of `toPorts`, of TCP unless told otherwise. */
export function ports(...numbers: readonly number[]): { ports: { port: string; protocol: string }[] }[] {
  return [{ ports: numbers.map((port) => ({ port: String(port), protocol: "TCP" })) }];
}

/** A ClusterNetworkPolicy for all pods, unless told otherwise. */
export function clusterPolicy(name: string, tier: "Admin" | "Baseline", priority: number, spec: object): string {
  return objectText(
    "ClusterNetworkPolicy",
    { name },
    { spec: { tier, priority, subject: { namespaces: {} }, ...spec } },
  );
}

/** A Node with these addresses. */
export function nodeObject(
  name: string,
  addresses: readonly string[],
  labels: Readonly<Record<string, string>> = {},
): string {
  const list = addresses.map((address) => ({ type: "InternalIP", address }));
  return objectText("Node", { name, labels }, { status: { addresses: list } });
}

/** The addresses, of one family, behind a service. */
export function endpointSlice(service: string, addresses: readonly string[], namespace = "default"): string {
  const addressType = addresses.some((address) => address.includes(":")) ? "IPv6" : "IPv4";
  const labels = { "kubernetes.io/service-name": service };
  const name = `${service}-${addressType.toLowerCase()}`;
  return objectText("EndpointSlice", { name, namespace, labels }, { addressType, endpoints: [{ addresses }] });
}
