import type { Protocol } from "./protocol.ts";

/** Ports of one protocol, first and last included; host order. */
export interface FailsafePorts {
  readonly protocol: Protocol;
  readonly first: number;
  readonly last: number;
}

/**
 * What stays open at a node's own end whatever policies about nodes say, denials included, so that nobody
 * locks himself out. Counts only for a node that a policy selects: others are open anyway.
 */
export interface HostFailsafe {
  /** Ports of the node. */
  readonly inbound: readonly FailsafePorts[];
  /** Ports that the node connects to. */
  readonly outbound: readonly FailsafePorts[];
}

/**
 * The agent's own defaults: SSH; DHCP and DHCPv6, without which the node loses its addresses; BGP, without which
 * it loses its routes; etcd and the API server, without which nobody can take a policy back; and names.
 */
export const DEFAULT_HOST_FAILSAFE: HostFailsafe = {
  inbound: [
    { protocol: "TCP", first: 22, last: 22 },
    { protocol: "UDP", first: 68, last: 68 },
    { protocol: "UDP", first: 546, last: 546 },
    { protocol: "TCP", first: 179, last: 179 },
    { protocol: "TCP", first: 2379, last: 2380 },
    { protocol: "TCP", first: 6443, last: 6443 },
  ],
  outbound: [
    { protocol: "UDP", first: 53, last: 53 },
    { protocol: "UDP", first: 67, last: 67 },
    { protocol: "UDP", first: 547, last: 547 },
    { protocol: "TCP", first: 179, last: 179 },
    { protocol: "TCP", first: 2379, last: 2380 },
    { protocol: "TCP", first: 6443, last: 6443 },
  ],
};

/** `tcp:22`, `tcp:2379-2380` */
export function failsafeText({ protocol, first, last }: FailsafePorts): string {
  return `${protocol.toLowerCase()}:${first === last ? first : `${first}-${last}`}`;
}
