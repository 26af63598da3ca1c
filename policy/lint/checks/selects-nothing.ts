import type { NodeMatch, Peer, PodMatch, RuleDescription } from "#policy/model/rule.ts";
import type { LintContext } from "../context.ts";
import { type Finding, finding } from "../finding.ts";
import { type ListedPeer, listPeers } from "../listed-peers.ts";
import { isImpossible } from "../relations/peers.ts";
import { describeNamespaces, describePeer } from "../words.ts";

/** What the objects say of who is meant: somebody, nobody, or nothing, for want of objects that are named here. */
type Found = "somebody" | { readonly nobody: string } | { readonly unknown: string };

/** Policies that govern nobody, and peers that nobody is, among the pods, nodes and so on that are known. */
export function selectsNothing(context: LintContext): Finding[] {
  const findings: Finding[] = [];
  const unknown = new Map<string, RuleDescription>();
  const tell = (place: RuleDescription, found: Found, message: (nobody: string) => string): void => {
    if (found === "somebody") return;
    if ("nobody" in found) findings.push(finding("selects-nothing", place, message(found.nobody)));
    else if (!unknown.has(found.unknown)) unknown.set(found.unknown, place);
  };
  for (const { policy, place } of context.policies) {
    if (!policy || isImpossible(policy.subjects)) continue;
    const { subjects } = policy;
    tell(place, find(subjects, context), (nobody) => `governs nobody: ${nobody}`);
  }
  for (const rule of context.rules) {
    // A policy that can govern nobody is told of as such.
    if (rule.parts.length === 0) continue;
    for (const peer of listPeers(rule, context)) {
      tell(rule.place, findListed(peer, context), (nobody) => `a peer is nobody: ${nobody}`);
    }
  }
  for (const [what, place] of unknown) {
    findings.push(
      finding("not-checked", place, `${what}, so whether selectors match any is not checked, here and below`),
    );
  }
  return findings;
}

function findListed({ text, peers, lacks }: ListedPeer, context: LintContext): Found {
  if (lacks === "possible party") return "somebody";
  if (lacks !== null) {
    if (!context.cluster.kinds.has(lacks)) return { unknown: `no ${lacks} is known` };
    return { nobody: lacks === "EndpointSlice" ? `${text} has no addresses` : `there is no ${text}` };
  }
  const found = peers.filter((peer) => !isImpossible(peer)).map((peer) => find(peer, context));
  return found.find((one) => one === "somebody") ?? found[0] ?? "somebody";
}

function find(match: Peer, context: LintContext): Found {
  if (match.kind === "pods") return findPods(match, context);
  return match.kind === "nodes" ? findNodes(match, context) : "somebody";
}

function findPods(match: PodMatch, { cluster }: LintContext): Found {
  if (cluster.podsOf(match).length > 0) return "somebody";
  const { namespaces } = match;
  const among = cluster.namespacesOf(namespaces);
  if (among.length === 0) {
    if (!cluster.kinds.has("Namespace")) return { unknown: "no Namespace is known" };
    return { nobody: `there are no ${describeNamespaces(namespaces)}` };
  }
  if (!cluster.hasPodsIn(among)) {
    const where = namespaces.kind === "name" ? ` of namespace ${namespaces.name}` : "";
    return { unknown: `no Pod${where} is known` };
  }
  const onHosts = cluster.hostPodsOf(match).length > 0;
  const why = onHosts ? ": those that match have the node's network, and no policy applies to them" : "";
  return { nobody: `there are no ${describePeer(match)}${why}` };
}

function findNodes(match: NodeMatch, { cluster }: LintContext): Found {
  if (cluster.nodesOf(match.labels).length > 0) return "somebody";
  return cluster.nodes.length > 0 ? { nobody: `there are no ${describePeer(match)}` } : { unknown: "no Node is known" };
}
