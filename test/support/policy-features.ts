import type { PolicyObject } from "#policy/model/object.ts";

/** What the value under a key becomes. */
type Change = (key: string, value: unknown) => unknown;

/** Features of policies, each with what takes it out of objects. */
const changes: Readonly<Record<string, Change>> = {
  requirements: at("requires", emptied),
  entities: at("entities", emptied),
  endpoints: at("endpoints", emptied),
  blocks: at("cidrs", emptied),
  exceptions: at("except", emptied),
  "groups of ranges": replace("kind", ["group", "groups"], { kind: "cidr", cidr: "255.255.255.255/32", except: [] }),
  "services as peers": at("services", emptied),
  services: withoutKind("Service"),
  slices: withoutKind("EndpointSlice"),
  "nodes as peers of Cilium": at("nodes", emptied),
  "nodes as peers of the cluster": replace("kind", ["nodes"], { kind: "names", names: [] }),
  "names as peers": at("names", emptied),
  "types of ICMP": at("icmps", emptied),
  "names of ports": at("port", (value) => (typeof value === "string" ? 1 : value)),
  "names of ports of any protocol": replace("kind", ["name"], { kind: "name", name: "none" }),
  "ends of ranges": at("endPort", () => null),
  "protocols without ports": at("protocol", (value) => (value === "TCP" || value === "ANY" ? value : "UDP")),
  "rules about requests": at("l7", () => null),
  "names of servers": at("serverNames", emptied),
  staging: at("staged", () => false),
  ends: at("notAfter", () => undefined),
  "policies about nodes": (_, value) =>
    isRecord(value) && isRecord(value["nodes"]) ? { ...value, nodes: null } : value,
  passes: (_, value) => (isRecord(value) && value["action"] === "Pass" ? { ...value, peers: [] } : value),
  priorities: at("priority", () => 5),
  exemptions: at("defaultDeny", () => ({ ingress: true, egress: true })),
  "labels of namespaces": withoutKind("Namespace"),
  "reserved parties": (key, value) =>
    key.startsWith("reserved:") || String(value).startsWith("reserved:") ? "none" : value,
  "keys of the cluster": at("key", (value) => (String(value).startsWith("io.") ? "none" : value)),
  "service accounts": at("key", (value) => (String(value).endsWith("serviceaccount") ? "none" : value)),
  ...Object.fromEntries(
    [
      "NetworkPolicy",
      "CiliumNetworkPolicy",
      "CiliumClusterwideNetworkPolicy",
      "ClusterNetworkPolicy",
      "AdminNetworkPolicy",
      "BaselineAdminNetworkPolicy",
    ].map((kind) => [kind, withoutKind(kind)]),
  ),
};

export const FEATURES: readonly string[] = Object.keys(changes);

/** Objects without a feature: whatever uses it says nothing, or less. */
export function withoutFeature(objects: readonly PolicyObject[], feature: string): PolicyObject[] {
  const changed: unknown = JSON.parse(JSON.stringify(objects), changes[feature]);
  return (changed as (PolicyObject | null)[]).filter((object) => object !== null);
}

function at(key: string, change: (value: unknown) => unknown): Change {
  return (own, value) => (own === key ? change(value) : value);
}

/** Something else in place of every record that has one of some values under a key. */
function replace(key: string, values: readonly unknown[], other: unknown): Change {
  return (_, value) => (isRecord(value) && values.includes(value[key]) ? other : value);
}

function withoutKind(kind: string): Change {
  return replace("kind", [kind], null);
}

function emptied(value: unknown): unknown {
  return Array.isArray(value) ? [] : value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
