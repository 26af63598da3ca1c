import type { EndpointState } from "#agent/datapath/kernel.ts";
import type { KnownPrefix } from "#agent/ipcache/partition.ts";
import type { Governed, Subject } from "#policy/model/identity.ts";

/** A pod of this node, or the node, as policy sees it. */
export interface GuardedEnd extends Omit<EndpointState, "identity" | "policy"> {
  readonly identity: number;
  readonly subject: Governed;
}

/** A pod of this node as policy sees it. */
export interface GuardedEndpoint extends GuardedEnd {
  readonly subject: Subject;
}

/** What the kernel's records say of an endpoint while nothing changes. */
export function settled({ identity, ...endpoint }: GuardedEnd, slot: number): EndpointState {
  return { ...endpoint, identity: [identity, identity], policy: [slot, slot] };
}

/** The host routes of a pod, with its identity; those of the node are its own in any case. */
export function knownPrefixes(endpoint: Pick<GuardedEnd, "ipv4" | "ipv6" | "identity">): KnownPrefix[] {
  const prefixes: KnownPrefix[] = [];
  if (endpoint.ipv4 !== null) prefixes.push({ prefix: `${endpoint.ipv4}/32`, identity: endpoint.identity });
  if (endpoint.ipv6 !== null) prefixes.push({ prefix: `${endpoint.ipv6}/128`, identity: endpoint.identity });
  return prefixes;
}

/** Whether the kernel's records say what they should, under both parities. */
export function sameState(state: EndpointState, endpoint: GuardedEnd, slot: number): boolean {
  return (
    state.policy[0] === slot &&
    state.policy[1] === slot &&
    state.incarnation === endpoint.incarnation &&
    state.identity[0] === endpoint.identity &&
    state.identity[1] === endpoint.identity &&
    state.ifindex === endpoint.ifindex &&
    state.mac === endpoint.mac &&
    state.hostMac === endpoint.hostMac &&
    state.ipv4 === endpoint.ipv4 &&
    state.ipv6 === endpoint.ipv6 &&
    state.viaStack === endpoint.viaStack &&
    JSON.stringify(state.chained) === JSON.stringify(endpoint.chained) &&
    JSON.stringify(state.bandwidth) === JSON.stringify(endpoint.bandwidth) &&
    state.nodeAddresses?.join() === endpoint.nodeAddresses?.join()
  );
}
