import type { ClusterPeer, ClusterPort, NamespacedPods } from "#policy/model/cluster-object.ts";
import type { Flow, Party } from "#policy/model/flow.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { isNamed } from "./names.ts";
import { isInBlock, isNode, isPortNamed } from "./party.ts";
import { type Question, isRuleInForce, nameOf } from "./question.ts";
import { namespaceLabels, selects } from "./selector.ts";

/** At equal places the first of them decides. */
const ACTIONS = ["Deny", "Pass", "Accept"] as const;

/** A rule that matches, with what decides whether it counts: the least priority, the least place, then the action. */
interface Ordered {
  readonly priority: number;
  readonly place: number;
  readonly action: (typeof ACTIONS)[number];
  readonly rule: string;
}

/** The first of the rules of a tier that match, and those that are equal to it; none: the tier says nothing. */
export function clusterTier(question: Question, tier: "Admin" | "Baseline"): Ordered[] {
  const said = [...matchingRules(question, tier)].sort(compare);
  return said.filter((one) => said[0] && compare(one, said[0]) === 0);
}

function compare(a: Ordered, b: Ordered): number {
  return a.priority - b.priority || a.place - b.place || ACTIONS.indexOf(a.action) - ACTIONS.indexOf(b.action);
}

function* matchingRules(question: Question, tier: "Admin" | "Baseline"): Generator<Ordered> {
  const { objects, direction, self, flow } = question;
  for (const policy of objects) {
    if (!("tier" in policy) || policy.tier !== tier || !isOneOf(policy.subject, self, objects)) continue;
    for (const [place, { action, peers, ports }] of policy[direction].entries()) {
      const name = `${direction}[${place}]`;
      if (!isRuleInForce(policy, name, question)) continue;
      if (!peers.some((peer) => isPeer(peer, question))) continue;
      if (ports.length > 0 && !ports.some((port) => isPort(port, flow))) continue;
      yield { priority: policy.priority, place, action, rule: nameOf(policy, name) };
    }
  }
}

function isOneOf({ namespaces, pods }: NamespacedPods, { subject }: Party, objects: readonly PolicyObject[]): boolean {
  if (!subject) return false;
  return selects(namespaces, namespaceLabels(subject.namespace, objects)) && selects(pods, subject.labels);
}

function isPeer(one: ClusterPeer, { peer, objects, options }: Question): boolean {
  switch (one.kind) {
    case "pods":
      return isOneOf(one, peer, objects);
    case "nodes":
      return isNode(peer) && selects(one.selector, peer.nodeLabels ?? {});
    case "networks":
      return one.cidrs.some((cidr) => isInBlock(peer, { cidr, except: [] }, "any", options));
    case "names":
      return one.names.some((match) => isNamed(match, peer));
  }
}

function isPort(one: ClusterPort, flow: Flow): boolean {
  if (one.kind === "name") return isPortNamed(flow, one.name);
  if (one.protocol !== flow.protocol) return false;
  return one.kind === "all" || (flow.port >= one.first && flow.port <= one.last);
}
