import { type Flow, type Party, reservedOf } from "#policy/model/flow.ts";
import { type FlowProtocol, isTransport } from "#policy/model/protocol.ts";
import type { ReservedParty } from "#policy/model/reserved.ts";
import type { Direction } from "#policy/model/rule.ts";
import type { Workload, Workloads } from "./workloads.ts";

/** Who was at the other end, as far as a rule could say it. */
export type SeenPeer =
  | { readonly kind: "workload"; readonly workload: Workload }
  | {
      readonly kind: "party";
      readonly party: ReservedParty;
      readonly address: string | null;
      readonly names: readonly string[];
    };

/** A protocol and port that was seen. */
export interface SeenPort {
  readonly protocol: FlowProtocol;
  readonly port: number;
}

/** All that was seen at one port list of one peer. */
export interface SeenTraffic {
  readonly peer: SeenPeer;
  readonly ports: readonly SeenPort[];
}

/** What was seen of a workload, in each direction by peer. */
export interface WorkloadTraffic {
  readonly workload: Workload;
  readonly ingress: readonly SeenTraffic[];
  readonly egress: readonly SeenTraffic[];
}

interface Draft {
  readonly workload: Workload;
  readonly ingress: Map<string, { readonly peer: SeenPeer; readonly ports: Map<string, SeenPort> }>;
  readonly egress: Draft["ingress"];
}

/** Sorts flows by the workloads that they are of; everything in one order, whatever the order of the flows. */
export function trafficOf(flows: Iterable<Flow>, workloads: Workloads): WorkloadTraffic[] {
  const drafts = new Map<string, Draft>();
  for (const flow of flows) {
    const { source, destination } = flow;
    // Port 0 of a transport protocol is no port.
    if (isTransport(flow.protocol) && flow.port === 0) continue;
    // What a pod says to itself never leaves it.
    if (source.subject && source.address !== undefined && source.address === destination.address) continue;
    note(drafts, workloads, "egress", source, destination, flow);
    note(drafts, workloads, "ingress", destination, source, flow);
  }
  return sorted(drafts).map(({ workload, ingress, egress }) => {
    return { workload, ingress: list(ingress), egress: list(egress) };
  });
}

function note(
  drafts: Map<string, Draft>,
  workloads: Workloads,
  direction: Direction,
  self: Party,
  other: Party,
  { protocol, port }: Flow,
): void {
  const workload = self.subject && workloads.of(self.subject);
  if (!workload) return;
  let draft = drafts.get(workload.key);
  if (!draft) drafts.set(workload.key, (draft = { workload, ingress: new Map(), egress: new Map() }));
  // The node reaches its own pods always.
  if (direction === "ingress" && !other.subject && other.reserved === "host") return;
  const peer = toPeer(other, workloads);
  const key = peerKey(peer);
  let seen = draft[direction].get(key);
  if (!seen) draft[direction].set(key, (seen = { peer, ports: new Map() }));
  seen.ports.set(`${protocol} ${port}`, { protocol, port });
}

function toPeer(party: Party, workloads: Workloads): SeenPeer {
  const workload = party.subject && workloads.of(party.subject);
  if (workload) return { kind: "workload", workload };
  const names = [...(party.names ?? [])].sort();
  return { kind: "party", party: reservedOf(party), address: party.address ?? null, names };
}

function peerKey(peer: SeenPeer): string {
  if (peer.kind === "workload") return `workload ${peer.workload.key}`;
  return JSON.stringify(["party", peer.party, peer.address, peer.names]);
}

function list(seen: Draft["ingress"]): SeenTraffic[] {
  return sorted(seen).map(({ peer, ports }) => ({ peer, ports: [...ports.values()].sort(comparePorts) }));
}

function comparePorts(a: SeenPort, b: SeenPort): number {
  return a.protocol === b.protocol ? a.port - b.port : a.protocol < b.protocol ? -1 : 1;
}

function sorted<T>(map: ReadonlyMap<string, T>): T[] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
}
