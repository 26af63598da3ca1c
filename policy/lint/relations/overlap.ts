import type { Namespaces } from "#policy/model/namespaces.ts";
import type { Peer, Policy } from "#policy/model/rule.ts";
import type { KnownCluster } from "../known-cluster.ts";
import { isWithin } from "./selectors.ts";
import { arePodsWithin } from "./pod-matches.ts";
import { canPeersMeet, isPeerWithin } from "./peers.ts";

/** Whether all subjects of one policy are subjects of another, whatever pods or nodes there are. */
export function areSubjectsWithin(
  narrow: Policy["subjects"],
  wide: Policy["subjects"],
  namespaces: Namespaces,
): boolean {
  if (narrow.kind === "pods") return wide.kind === "pods" && arePodsWithin(narrow, wide, namespaces);
  return wide.kind === "nodes" && isWithin(narrow.labels, wide.labels);
}

/** Whether it is sure that somebody is meant by both: one is a part of the other, or a known pod or node is of both. */
export function doPeersMeet(a: Peer, b: Peer, cluster: KnownCluster): boolean {
  const { namespaces } = cluster;
  if (!canPeersMeet(a, b, namespaces)) return false;
  if (isPeerWithin(a, b, namespaces) || isPeerWithin(b, a, namespaces)) return true;
  if (a.kind === "pods" && b.kind === "pods") return cluster.haveCommonPod(a, b);
  if (a.kind === "nodes" && b.kind === "nodes") return cluster.nodesOf([...a.labels, ...b.labels]).length > 0;
  return (
    a.kind === "block" && b.kind === "block" && (a.scope === b.scope || "outside" === b.scope || a.scope === "outside")
  );
}

/** The same of whole lists. */
export function doListsMeet(a: readonly Peer[] | null, b: readonly Peer[] | null, cluster: KnownCluster): boolean {
  if (a === null || b === null) return (a ?? b)?.length !== 0;
  return a.some((one) => b.some((other) => doPeersMeet(one, other, cluster)));
}
