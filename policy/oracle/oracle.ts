/**
 * Judges one flow by the text of the Kubernetes specification, as simply as it can be
 * said. Everything else is tested against this; so it shares no code with the rest, only
 * the types of objects. Slow on purpose: it looks at every object for every question.
 */
import type { Flow, Party } from "#policy/model/flow.ts";
import type { Labels, Subject } from "#policy/model/identity.ts";
import type {
  IpBlock,
  NetworkPolicyObject,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  PolicyObject,
} from "#policy/model/object.ts";
import type { LabelSelector } from "#policy/model/selector.ts";
import { inRange } from "./address.ts";

export interface OracleVerdict {
  readonly verdict: "allow" | "deny";
  /** `NAMESPACE/NAME ingress[0]`, sorted: every rule that allows the flow. */
  readonly rules: readonly string[];
}

export function judge(objects: readonly PolicyObject[], flow: Flow): { egress: OracleVerdict; ingress: OracleVerdict } {
  return { egress: judgeDirection(objects, flow, "egress"), ingress: judgeDirection(objects, flow, "ingress") };
}

function judgeDirection(objects: readonly PolicyObject[], flow: Flow, direction: "ingress" | "egress"): OracleVerdict {
  const self = direction === "ingress" ? flow.destination : flow.source;
  const peer = direction === "ingress" ? flow.source : flow.destination;
  // Policy is about pods, and what a pod says to itself stays inside it.
  if (!self.subject || samePod(self, peer)) return { verdict: "allow", rules: [] };
  // Kubelet's probes come from the node, and reach its pods always.
  if (direction === "ingress" && peer.reserved === "host") return { verdict: "allow", rules: [] };

  let isolated = false;
  const rules: string[] = [];
  for (const policy of objects) {
    if (policy.kind !== "NetworkPolicy" || policy.namespace !== self.subject.namespace) continue;
    if (!policy.policyTypes.includes(direction === "ingress" ? "Ingress" : "Egress")) continue;
    if (!selects(policy.podSelector, self.subject.labels)) continue;
    isolated = true;
    for (const [index, rule] of policy[direction].entries()) {
      const peerFits = rule.peers.length === 0 || rule.peers.some((one) => isPeer(one, peer, policy, objects));
      const portFits = rule.ports.length === 0 || rule.ports.some((one) => isPort(one, flow));
      if (peerFits && portFits) rules.push(`${policy.namespace}/${policy.name} ${direction}[${index}]`);
    }
  }
  return { verdict: isolated && rules.length === 0 ? "deny" : "allow", rules: rules.sort() };
}

function samePod(a: Party, b: Party): boolean {
  return a.subject !== undefined && b.subject !== undefined && a.address !== undefined && a.address === b.address;
}

function isPeer(
  { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer,
  peer: Party,
  policy: NetworkPolicyObject,
  objects: readonly PolicyObject[],
): boolean {
  if (ipBlock) return peer.address !== undefined && inBlock(ipBlock, peer.address);
  if (!peer.subject) return false;
  const { namespace, labels } = peer.subject;
  const namespaceFits = namespaceSelector
    ? selects(namespaceSelector, namespaceLabels(namespace, objects))
    : namespace === policy.namespace;
  return namespaceFits && (!podSelector || selects(podSelector, labels));
}

function namespaceLabels(name: string, objects: readonly PolicyObject[]): Labels {
  const labels: Record<string, string> = {};
  for (const object of objects) {
    if (object.kind === "Namespace" && object.name === name) Object.assign(labels, object.labels);
  }
  labels["kubernetes.io/metadata.name"] = name;
  return labels;
}

function inBlock({ cidr, except }: IpBlock, address: string): boolean {
  return inRange(address, cidr) && !except.some((hole) => inRange(address, hole));
}

/** A port's name is looked up in the pod that is connected to, in either direction. */
function isPort({ protocol, port, endPort }: NetworkPolicyPort, flow: Flow): boolean {
  if (protocol !== flow.protocol) return false;
  if (port === null) return true;
  if (typeof port === "number") return flow.port >= port && flow.port <= (endPort ?? port);
  return flow.destination.subject !== undefined && declares(flow.destination.subject, port, flow);
}

function declares({ namedPorts }: Subject, name: string, { protocol, port }: Flow): boolean {
  return namedPorts.some((named) => named.name === name && named.protocol === protocol && named.port === port);
}

function selects({ matchLabels, matchExpressions }: LabelSelector, labels: Labels): boolean {
  const value = new Map(Object.entries(labels));
  for (const [key, wanted] of Object.entries(matchLabels)) {
    if (value.get(key) !== wanted) return false;
  }
  for (const { key, operator, values } of matchExpressions) {
    const has = value.has(key);
    const listed = has && values.includes(value.get(key) as string);
    if (operator === "In" && !listed) return false;
    if (operator === "NotIn" && listed) return false;
    if (operator === "Exists" && !has) return false;
    if (operator === "DoesNotExist" && has) return false;
  }
  return true;
}
