/** Transport protocols that have ports, by the names Kubernetes gives them. */
export const PROTOCOLS = ["TCP", "UDP", "SCTP"] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** Protocols without ports that a CiliumNetworkPolicy can name beside ICMP. */
export const PORTLESS_PROTOCOLS = ["VRRP", "IGMP", "GRE", "IPIP", "ESP", "AH"] as const;

/** What a flow may carry: a transport protocol, ICMP (whose type stands for a port), or one without ports. */
export type FlowProtocol = Protocol | "ICMP" | "ICMPv6" | (typeof PORTLESS_PROTOCOLS)[number];

/** IP protocol numbers. */
export const protocolNumbers: Readonly<Record<FlowProtocol, number>> = {
  TCP: 6,
  UDP: 17,
  SCTP: 132,
  ICMP: 1,
  ICMPv6: 58,
  VRRP: 112,
  IGMP: 2,
  GRE: 47,
  IPIP: 4,
  ESP: 50,
  AH: 51,
};

/** Stands for every protocol in an entry. */
export const ANY_PROTOCOL = 0;

export function isTransport(protocol: FlowProtocol): protocol is Protocol {
  return (PROTOCOLS as readonly string[]).includes(protocol);
}
