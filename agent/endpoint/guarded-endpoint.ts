import type { EndpointState } from "#agent/datapath/kernel.ts";
import type { KnownPrefix } from "#agent/ipcache/partition.ts";
import type { Subject } from "#policy/model/identity.ts";

/** A local endpoint as policy sees it. */
export interface GuardedEndpoint extends Omit<EndpointState, "identity" | "policy"> {
  readonly identity: number;
  readonly subject: Subject;
}

/** What the kernel's records say of an endpoint while nothing changes. */
export function settled({ identity, ...endpoint }: GuardedEndpoint, slot: number): EndpointState {
  return { ...endpoint, identity: [identity, identity], policy: [slot, slot] };
}

/** The host routes of an endpoint, with its identity. */
export function knownPrefixes(endpoint: Pick<GuardedEndpoint, "ipv4" | "ipv6" | "identity">): KnownPrefix[] {
  const prefixes: KnownPrefix[] = [];
  if (endpoint.ipv4 !== null) prefixes.push({ prefix: `${endpoint.ipv4}/32`, identity: endpoint.identity });
  if (endpoint.ipv6 !== null) prefixes.push({ prefix: `${endpoint.ipv6}/128`, identity: endpoint.identity });
  return prefixes;
}

/** Whether the kernel's records say what they should, under both parities. */
export function sameState(state: EndpointState, endpoint: GuardedEndpoint, slot: number): boolean {
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
    state.viaStack === endpoint.viaStack
  );
}
