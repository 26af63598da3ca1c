import type { Flow } from "#policy/model/flow.ts";
import type { NetworkPolicyObject, NetworkPolicyPeer, NetworkPolicyPort } from "#policy/model/object.ts";
import { isInBlock, isPortNamed } from "./party.ts";
import { type Question, type Said, isIsolationInForce, isRuleInForce, nameOf } from "./question.ts";
import { namespaceLabels, selects } from "./selector.ts";

/** What the NetworkPolicy objects say. */
export function* networkPolicies(question: Question): Generator<Said> {
  const { objects, direction, flow } = question;
  for (const policy of objects) {
    if (policy.kind !== "NetworkPolicy" || !isSelected(policy, question)) continue;
    if (isIsolationInForce(policy, question)) yield { action: "isolate", rule: "" };
    for (const [i, { peers, ports }] of policy[direction].entries()) {
      const name = `${direction}[${i}]`;
      if (!isRuleInForce(policy, name, question)) continue;
      if (peers.length > 0 && !peers.some((peer) => isPeer(peer, policy, question))) continue;
      if (ports.length > 0 && !ports.some((port) => isPort(port, flow))) continue;
      yield { action: "allow", rule: nameOf(policy, name) };
    }
  }
}

function isSelected(
  { namespace, podSelector, policyTypes }: NetworkPolicyObject,
  { direction, self }: Question,
): boolean {
  if (!self.subject || !policyTypes.includes(direction === "ingress" ? "Ingress" : "Egress")) return false;
  return namespace === self.subject.namespace && selects(podSelector, self.subject.labels);
}

function isPeer(
  { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer,
  policy: NetworkPolicyObject,
  { peer, objects, options }: Question,
): boolean {
  if (ipBlock) return isInBlock(peer, ipBlock, "any", options);
  if (!peer.subject) return false;
  const { namespace, labels } = peer.subject;
  const isNamespace = namespaceSelector
    ? selects(namespaceSelector, namespaceLabels(namespace, objects))
    : namespace === policy.namespace;
  return isNamespace && (!podSelector || selects(podSelector, labels));
}

function isPort({ protocol, port, endPort }: NetworkPolicyPort, flow: Flow): boolean {
  if (protocol !== flow.protocol) return false;
  if (port === null) return true;
  if (typeof port === "string") return isPortNamed(flow, port);
  return flow.port >= port && flow.port <= (endPort ?? port);
}
