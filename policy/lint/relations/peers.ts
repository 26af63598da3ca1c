import { isNode } from "#policy/model/flow.ts";
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
  if (wide.kind === "entity") return isWithinEntity(narrow, wide);
  switch (narrow.kind) {
    case "pods":
      return wide.kind === "pods" && arePodsWithin(narrow, wide, namespaces);
    case "block":
      return wide.kind === "block" && isBlockWithin(narrow, wide);
    case "entity":
      return wide.kind === "nodes" && wide.labels.length === 0 && isNodeEntity(narrow);
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
  const placesOfB = placesOf(b);
  return placesOf(a).some((place) => placesOfB.includes(place));
}

/** Where the parties are that a peer could mean: pods, the reserved party of a name, or nodes. */
function placesOf(peer: Peer): readonly string[] {
  switch (peer.kind) {
    case "pods":
      return ["pods"];
    case "block":
      return peer.scope === "outside" ? ["world"] : EVERYWHERE;
    case "entity":
      return peer.entity === "cluster" ? EVERYWHERE.filter((place) => place !== "world") : [peer.entity];
    case "nodes":
      return ["host", "remote-node"];
    case "names":
      return ["world"];
  }
}

const EVERYWHERE = [
  "pods",
  "world",
  "host",
  "remote-node",
  "kube-apiserver",
  "ingress",
  "health",
  "init",
  "unmanaged",
] as const;

function isWithinEntity(narrow: Peer, { entity }: EntityMatch): boolean {
  const places = placesOf(narrow);
  // A block of any scope could be anybody's.
  if (entity === "cluster") return !places.includes("world");
  return places.length === 1 && places[0] === entity;
}

function isNodeEntity({ entity }: EntityMatch): boolean {
  return entity !== "cluster" && isNode({ reserved: entity });
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
