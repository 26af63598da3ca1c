import type { Peer } from "#policy/model/rule.ts";

/** Whether peers of a rule are all that there are: pods, nodes and the world. */
export function isEverybody(peers: readonly Peer[] | null): boolean {
  if (peers === null) return true;
  const isCluster = peers.some((peer) => peer.kind === "entity" && peer.entity === "cluster");
  return isWholeWorld(peers) && (isCluster || peers.some((peer) => peer.kind === "block" && isWide(peer, "any")));
}

/** Whether they are, among others, everybody outside of the cluster; one address family is enough. */
export function isWholeWorld(peers: readonly Peer[] | null): boolean {
  if (peers === null) return true;
  return peers.some((peer) => {
    if (peer.kind === "entity") return peer.entity === "world";
    return peer.kind === "block" && (isWide(peer, "any") || isWide(peer, "outside"));
  });
}

/** Every address of a family. */
export function isWide({ cidr, except, scope }: Extract<Peer, { kind: "block" }>, wanted: "any" | "outside"): boolean {
  return scope === wanted && except.length === 0 && cidr.endsWith("/0");
}
