import type { CiliumCidr, CiliumRule, CiliumSelector, CiliumService } from "#policy/model/cilium-object.ts";
import type { Party } from "#policy/model/flow.ts";
import type { Subject } from "#policy/model/identity.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import type { Entity } from "#policy/model/reserved.ts";
import { isNamed } from "./names.ts";
import { isInBlock, isNode, isOutside, namesOf } from "./party.ts";
import type { Question } from "./question.ts";
import { namespaceLabels, selects, selectsValues } from "./selector.ts";

const NAMESPACE = "io.kubernetes.pod.namespace";
const NAMESPACE_LABELS = "io.cilium.k8s.namespace.labels.";
const SERVICE_ACCOUNT = "io.cilium.k8s.policy.serviceaccount";
const CLUSTER = "io.cilium.k8s.policy.cluster";
const RESERVED = "reserved:";

/**
 * Whether the peer is one of a rule's, in a policy of a namespace (empty: clusterwide). A kind of peers that is
 * not there says nothing, an empty one means nobody. Without any kind, ports are for everybody, and no ports for nobody.
 */
export function isPeerOf(rule: CiliumRule, namespace: string, question: Question): boolean {
  const { objects, peer } = question;
  const kinds = [
    rule.endpoints?.some((selector) => isEndpoint(selector, namespace, peer, objects)),
    rule.cidrs?.some((cidr) => isInCidr(cidr, question)),
    rule.entities?.some((entity) => isEntity(entity, peer)),
    rule.nodes?.some((selector) => isNode(peer) && selects(selector, peer.nodeLabels ?? {})),
    rule.services?.some((service) => isBehind(service, question)),
    rule.names?.some((match) => isNamed(match, peer)),
  ];
  if (kinds.every((isMet) => isMet === undefined)) return rule.ports !== null || rule.icmps !== null;
  return kinds.includes(true);
}

/**
 * Who is meant by a selector: reserved parties if it names any, which have no other label; else pods, and those
 * of the policy's own namespace unless it names a namespace.
 */
export function isEndpoint(
  selector: CiliumSelector,
  namespace: string,
  party: Party,
  objects: readonly PolicyObject[],
): boolean {
  const keys = [...Object.keys(selector.matchLabels), ...selector.matchExpressions.map(({ key }) => key)];
  const { subject } = party;
  if (keys.some((key) => key.startsWith(RESERVED))) {
    return !subject && selects(selector, Object.fromEntries(namesOf(party).map((name) => [RESERVED + name, ""])));
  }
  if (!subject) return false;
  const namesNamespace = keys.some((key) => key === NAMESPACE || key.startsWith(NAMESPACE_LABELS));
  const isThere = namespace === "" || namesNamespace || namespace === subject.namespace;
  return isThere && selectsPod(selector, subject, objects);
}

/** Whether a pod meets a selector, wherever it is. What the cluster knows of a pod its own labels cannot say. */
export function selectsPod(selector: CiliumSelector, subject: Subject, objects: readonly PolicyObject[]): boolean {
  const ofNamespace = new Map(Object.entries(namespaceLabels(subject.namespace, objects)));
  const own = new Map(Object.entries(subject.labels));
  return selectsValues(selector, (key) => {
    if (key === NAMESPACE) return subject.namespace;
    if (key === SERVICE_ACCOUNT) return subject.serviceAccount;
    if (key === CLUSTER) return "default";
    if (key.startsWith(NAMESPACE_LABELS)) return ofNamespace.get(key.slice(NAMESPACE_LABELS.length));
    return key.startsWith(RESERVED) ? undefined : own.get(key);
  });
}

function isInCidr(one: CiliumCidr, { peer, objects, options }: Question): boolean {
  if (one.kind === "cidr") return isInBlock(peer, one, "outside", options);
  return objects
    .filter((object) => object.kind === "CiliumCIDRGroup")
    .filter(({ name, labels }) => (one.kind === "group" ? name === one.name : selects(one.selector, labels)))
    .some(({ cidrs }) => cidrs.some((cidr) => isInBlock(peer, { cidr, except: one.except }, "outside", options)));
}

function isEntity(entity: Entity, peer: Party): boolean {
  switch (entity) {
    case "all":
      return true;
    case "none":
      return false;
    case "world-ipv4":
      return isOutside(peer) && peer.address?.includes(":") === false;
    case "world-ipv6":
      return isOutside(peer) && peer.address?.includes(":") === true;
    case "cluster":
      return peer.subject !== undefined || (peer.reserved ?? "world") !== "world";
    default:
      return namesOf(peer).includes(entity);
  }
}

/** A service is the pods that it selects; if it selects none by labels, the addresses of its EndpointSlices. */
function isBehind(one: CiliumService, { peer, objects, options }: Question): boolean {
  const services = objects
    .filter((object) => object.kind === "Service")
    .filter(({ namespace }) => one.namespace === "" || one.namespace === namespace)
    .filter(({ name, labels }) => (one.kind === "name" ? name === one.name : selects(one.selector, labels)));
  const { subject } = peer;
  return services.some(({ namespace, name, selector }) => {
    if (selector && Object.keys(selector).length > 0) {
      const matchLabels = selector;
      return subject?.namespace === namespace && selects({ matchLabels, matchExpressions: [] }, subject.labels);
    }
    return objects
      .filter((object) => object.kind === "EndpointSlice")
      .filter((slice) => slice.namespace === namespace && slice.service === name)
      .flatMap(({ addresses }) => addresses.map((address) => `${address}/${address.includes(":") ? 128 : 32}`))
      .some((cidr) => isInBlock(peer, { cidr, except: [] }, "outside", options));
  });
}
