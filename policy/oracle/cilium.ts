import type { CiliumPolicyObject, CiliumPort, CiliumRule, CiliumSpec } from "#policy/model/cilium-object.ts";
import type { Flow } from "#policy/model/flow.ts";
import { isEndpoint, isPeerOf, selectsPod } from "./cilium-peers.ts";
import { isNode, isPortNamed } from "./party.ts";
import { type Question, type Said, isIsolationInForce, isRuleInForce, nameOf } from "./question.ts";
import { selects } from "./selector.ts";

/** A spec with its policy. */
interface Selecting {
  readonly policy: CiliumPolicyObject;
  readonly spec: CiliumSpec;
}

/** What the Cilium policies say that select the subject: a pod, or a node if they are about nodes. */
export function* ciliumPolicies(question: Question): Generator<Said> {
  const { direction, flow, objects } = question;
  const selecting = objects
    .flatMap((policy) => ("specs" in policy ? policy.specs.map((spec) => ({ policy, spec })) : []))
    .filter((one) => isSelected(one, question));
  // Requirements narrow the pods that the endpoints of all these policies mean.
  const meetsAll = selecting.every((one) => isRequired(one, question));
  for (const one of selecting) {
    const { namespace } = one.policy;
    if (one.spec.defaultDeny[direction] && isIsolationInForce(one.policy, question)) {
      yield { action: "isolate", rule: "" };
    }
    for (const { rule, name } of rulesInForce(one, direction, question)) {
      if (!isPeerOf(rule, namespace, question) || (rule.endpoints !== null && !meetsAll)) continue;
      for (const action of actionsOf(rule, flow)) yield { action, rule: name };
    }
    for (const { rule, name } of rulesInForce(one, `${direction}Deny`, question)) {
      if (isPeerOf(rule, namespace, question) && actionsOf(rule, flow).length > 0) yield { action: "deny", rule: name };
    }
  }
}

/** Whether the subject is a node that some policy selects. */
export function isGuardedNode(question: Question): boolean {
  const { self, objects } = question;
  if (self.subject) return false;
  return objects.some(
    (policy) =>
      "specs" in policy &&
      isIsolationInForce(policy, question) &&
      policy.specs.some((spec) => isSelected({ policy, spec }, question)),
  );
}

function isSelected({ policy, spec }: Selecting, { self, objects }: Question): boolean {
  const { subject, nodeLabels } = self;
  if (!subject)
    return spec.nodes !== null && isNode(self) && nodeLabels !== undefined && selects(spec.nodes, nodeLabels);
  const isThere = policy.namespace === "" || policy.namespace === subject.namespace;
  return isThere && spec.endpoints !== null && selectsPod(spec.endpoints, subject, objects);
}

/** Whether the peer meets what the rules of a spec require of pods. */
function isRequired(one: Selecting, question: Question): boolean {
  const { direction, peer, objects } = question;
  const required = rulesInForce(one, direction, question).flatMap(({ rule }) => rule.requires);
  return !peer.subject || required.every((selector) => isEndpoint(selector, one.policy.namespace, peer, objects));
}

function rulesInForce(
  { policy, spec }: Selecting,
  section: "ingress" | "ingressDeny" | "egress" | "egressDeny",
  question: Question,
): { rule: CiliumRule; name: string }[] {
  return spec[section]
    .map((rule, i) => ({ rule, place: `${spec.prefix}${section}[${i}]` }))
    .filter(({ place }) => isRuleInForce(policy, place, question))
    .map(({ rule, place }) => ({ rule, name: nameOf(policy, place) }));
}

/** What the items of a rule say that match the flow's port: each by itself, plainly or by the proxy. */
function actionsOf({ ports, icmps }: CiliumRule, flow: Flow): ("allow" | "redirect")[] {
  if (ports === null && icmps === null) return ["allow"];
  const items = (ports ?? []).filter((item) => item.ports.some((port) => isPort(port, flow)));
  const types = (icmps ?? []).filter(({ protocol, type }) => protocol === flow.protocol && type === flow.port);
  const ofItems = items.map(({ l7, serverNames }) => (l7 || serverNames.length > 0 ? "redirect" : "allow"));
  return types.length > 0 ? [...ofItems, "allow"] : ofItems;
}

function isPort({ protocol, port, endPort }: CiliumPort, flow: Flow): boolean {
  const isAny = protocol === "ANY" && ["TCP", "UDP", "SCTP"].includes(flow.protocol);
  if (!isAny && protocol !== flow.protocol) return false;
  if (port === null) return true;
  if (typeof port === "string") return isPortNamed(flow, port);
  return flow.port >= port && flow.port <= (endPort ?? port);
}
