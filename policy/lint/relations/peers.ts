import { cidrContains } from "#policy/model/cidr.ts";
import type { Namespaces } from "#policy/model/namespaces.ts";
import type { BlockMatch, EntityMatch, Peer } from "#policy/model/rule.ts";
import { isCovered, isHollow, toCidr } from "./blocks.ts";
import { isNameWithin } from "./name-matches.ts";
import { arePodsWithin, canPodsMeet, podContradiction } from "./pod-matches.ts";
import { areCompatible, contradiction, isWithin } from "./selectors.ts";

/** Why a peer can be nobody, whoever there is; empty where it could be somebody. */
export function impossibility(peer: Peer): string {
  switch (peer.kind) {
    case "pods": {
      const conditions = podContradiction(peer);
      return conditions === "" ? "" : `${conditions} cannot hold`;
    }
    case "nodes": {
      const conditions = contradiction(peer.labels);
      return conditions === "" ? "" : `${conditions} cannot hold`;
    }
    case "block":
      return isHollow(peer) ? `the exceptions leave nothing of ${peer.cidr}` : "";
    default:
      return "";
  }
}

export function isImpossible(peer: Peer): boolean {
  return impossibility(peer) !== "";
}

/** Whether everybody that `narrow` could mean is meant by `wide`, whoever there is. */
export function isPeerWithin(narrow: Peer, wide: Peer, namespaces: Namespaces): boolean {
  if (wide.kind === "entity") return areSortsWithin(narrow, sortsOfEntity(wide.entity));
  switch (narrow.kind) {
    case "pods":
      return wide.kind === "pods" && arePodsWithin(narrow, wide, namespaces);
    case "block":
      return wide.kind === "block" && isBlockWithin(narrow, wide);
    case "entity":
      return wide.kind === "nodes" && wide.labels.length === 0 && areSortsWithin(narrow, NODES);
    case "nodes":
      return wide.kind === "nodes" && isWithin(narrow.labels, wide.labels);
    case "names":
      return wide.kind === "names" && isNameWithin(narrow.match, wide.match);
  }
}

/** Whether there could be somebody whom both mean. Says yes where it is not sure. */
export function canPeersMeet(a: Peer, b: Peer, namespaces: Namespaces): boolean {
  if (a.kind === "pods" && b.kind === "pods") return canPodsMeet(a, b, namespaces);
  if (a.kind === "block" && b.kind === "block") return canBlocksMeet(a, b);
  if (a.kind === "nodes" && b.kind === "nodes") return areCompatible(a.labels, b.labels);
  const sorts = sortsOf(b);
  return sortsOf(a).some((sort) => sorts.includes(sort));
}

/**
 * The sorts of parties of which a peer could mean some. An API server is a node, too, or somebody outside.
 */
function sortsOf(peer: Peer): readonly Sort[] {
  switch (peer.kind) {
    case "pods":
      return ["pod"];
    case "block":
      return peer.scope === "outside" ? OUTSIDE : SORTS;
    case "entity":
      return sortsOfEntity(peer.entity);
    case "nodes":
      return NODES;
    case "names":
      return OUTSIDE;
  }
}

const SORTS = [
  "pod",
  "world",
  "host",
  "remote-node",
  "server on a node",
  "server outside",
  "ingress",
  "health",
  "init",
  "unmanaged",
] as const;
type Sort = (typeof SORTS)[number];

const OUTSIDE: readonly Sort[] = ["world", "server outside"];
const OTHER_NODES: readonly Sort[] = ["remote-node", "server on a node"];
const NODES: readonly Sort[] = ["host", ...OTHER_NODES];
const SERVERS: readonly Sort[] = ["server on a node", "server outside"];

function sortsOfEntity(entity: EntityMatch["entity"]): readonly Sort[] {
  switch (entity) {
    case "cluster":
      return SORTS.filter((sort) => sort !== "world");
    case "world":
      return OUTSIDE;
    case "remote-node":
      return OTHER_NODES;
    case "kube-apiserver":
      return SERVERS;
    default:
      return [entity];
  }
}

/** All parties of some sorts. A block of any scope could be anybody's. */
function areSortsWithin(narrow: Peer, sorts: readonly Sort[]): boolean {
  return sortsOf(narrow).every((sort) => sorts.includes(sort));
}

function isBlockWithin(narrow: BlockMatch, wide: BlockMatch): boolean {
  if (narrow.scope === "any" && wide.scope === "outside") return false;
  const range = toCidr(narrow.cidr);
  if (!cidrContains(toCidr(wide.cidr), range)) return false;
  const own = narrow.except.map(toCidr);
  return wide.except.map(toCidr).every((hole) => {
    if (cidrContains(hole, range)) return isHollow(narrow);
    return !cidrContains(range, hole) || isCovered(hole, own);
  });
}

function canBlocksMeet(a: BlockMatch, b: BlockMatch): boolean {
  const [one, other] = [toCidr(a.cidr), toCidr(b.cidr)];
  const common = cidrContains(one, other) ? other : cidrContains(other, one) ? one : null;
  return common !== null && !isCovered(common, [...a.except, ...b.except].map(toCidr));
}
