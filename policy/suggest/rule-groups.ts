import type { SeenPeer, SeenPort, SeenTraffic } from "./traffic.ts";

/** Peers with the same ports: together they make one rule. */
export interface RuleGroup {
  readonly peers: readonly SeenPeer[];
  readonly ports: readonly SeenPort[];
}

/** Brings peers with equal ports together; without ports there is nothing to say. */
export function groupByPorts(seen: readonly SeenTraffic[]): RuleGroup[] {
  const groups = Map.groupBy(
    seen.filter(({ ports }) => ports.length > 0),
    ({ ports }) => JSON.stringify(ports),
  );
  return [...groups.values()].map((group) => ({
    peers: group.map(({ peer }) => peer),
    ports: group[0]?.ports ?? [],
  }));
}
