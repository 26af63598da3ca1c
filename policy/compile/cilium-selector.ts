import type { CiliumSelector } from "#policy/model/cilium-object.ts";
import { NAMESPACE_NAME_LABEL } from "#policy/model/object.ts";
import { RESERVED_PARTIES } from "#policy/model/reserved.ts";
import { type EntityMatch, type NamespaceMatch, type PodMatch, SERVICE_ACCOUNT } from "#policy/model/rule.ts";
import { type Requirement, type Selector, matchesRequirement, toSelector } from "#policy/model/selector.ts";

const NAMESPACE = "io.kubernetes.pod.namespace";
const NAMESPACE_LABEL = "io.cilium.k8s.namespace.labels.";
const ACCOUNT = "io.cilium.k8s.policy.serviceaccount";
const CLUSTER = "io.cilium.k8s.policy.cluster";
const OWN_CLUSTER = "default";
const RESERVED = "reserved:";

/** What the keys of a selector speak of, apart. */
interface Parts {
  readonly labels: Requirement[];
  readonly namespaces: Requirement[];
  readonly account: Requirement[];
  readonly cluster: Requirement[];
  readonly reserved: string[];
}

/**
 * Those that a selector of a rule's peers means; null for nobody.
 *
 * @param own The namespace of the policy, empty for a clusterwide one: what a selector means that names none.
 */
export function toPeer(selector: CiliumSelector, own: string): PodMatch | EntityMatch | null {
  const parts = split(selector);
  if (parts.reserved.length > 0) return toEntity(parts);
  if (!isOfCluster(parts)) return null;
  return toPods(parts, parts.namespaces.length > 0 ? matchNamespaces(parts.namespaces) : defaultNamespaces(own));
}

/** The pods that a policy governs; null for none. Those of a namespaced policy are in its own namespace. */
export function toSubjects(selector: CiliumSelector, own: string): PodMatch | null {
  const parts = split(selector);
  if (parts.reserved.length > 0 || !isOfCluster(parts)) return null;
  if (own === "" || parts.namespaces.length === 0) return toPeer(selector, own) as PodMatch | null;
  const inside: Requirement = { key: NAMESPACE_NAME_LABEL, operator: "In", values: [own] };
  return toPods(parts, { kind: "labels", selector: [inside, ...parts.namespaces] });
}

/** The keys of pod labels that a selector names. */
export function podLabelKeys(selector: CiliumSelector): string[] {
  return split(selector).labels.map(({ key }) => key);
}

function split(selector: CiliumSelector): Parts {
  const parts: Parts = { labels: [], namespaces: [], account: [], cluster: [], reserved: [] };
  for (const requirement of toSelector(selector)) {
    const { key } = requirement;
    if (key.startsWith(RESERVED)) parts.reserved.push(key.slice(RESERVED.length));
    else if (key === NAMESPACE) parts.namespaces.push({ ...requirement, key: NAMESPACE_NAME_LABEL });
    else if (key.startsWith(NAMESPACE_LABEL))
      parts.namespaces.push({ ...requirement, key: key.slice(NAMESPACE_LABEL.length) });
    else if (key === ACCOUNT) parts.account.push({ ...requirement, key: SERVICE_ACCOUNT });
    else if (key === CLUSTER) parts.cluster.push(requirement);
    else parts.labels.push(requirement);
  }
  return parts;
}

/** Whether the pods of this cluster meet what is said of clusters: all of them do, or none. */
function isOfCluster({ cluster }: Parts): boolean {
  return cluster.every((one) => matchesRequirement(one, { [CLUSTER]: OWN_CLUSTER }));
}

/** A reserved party has no labels but its name. */
function toEntity({ labels, namespaces, account, cluster, reserved }: Parts): EntityMatch | null {
  const meetsAll = [...labels, ...namespaces, ...account, ...cluster].every((one) => matchesRequirement(one, {}));
  const name = RESERVED_PARTIES.find((party) => party === reserved[0]);
  const isOne = reserved.every((other) => other === name);
  return meetsAll && isOne && name ? { kind: "entity", entity: name } : null;
}

function toPods({ labels, account }: Parts, namespaces: NamespaceMatch): PodMatch {
  return { kind: "pods", namespaces, labels, ...(account.length > 0 && { account }) };
}

function matchNamespaces(selector: Selector): NamespaceMatch {
  const [only, ...others] = selector as readonly [Requirement, ...Requirement[]];
  const isName = only.key === NAMESPACE_NAME_LABEL && only.operator === "In" && only.values.length === 1;
  return isName && others.length === 0
    ? { kind: "name", name: only.values[0] as string }
    : { kind: "labels", selector };
}

function defaultNamespaces(own: string): NamespaceMatch {
  return own === "" ? { kind: "labels", selector: [] } : { kind: "name", name: own };
}
