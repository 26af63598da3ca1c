/** Transport protocols that have ports, by the names Kubernetes gives them. */
export const PROTOCOLS = ["TCP", "UDP", "SCTP"] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** What a flow may carry: a transport protocol, or ICMP, which has no ports. */
export type FlowProtocol = Protocol | "ICMP" | "ICMPv6";

/** IP protocol numbers. */
export const protocolNumbers: Readonly<Record<FlowProtocol, number>> = {
  TCP: 6,
  UDP: 17,
  SCTP: 132,
  ICMP: 1,
  ICMPv6: 58,
};

/** Stands for every protocol in an entry. */
export const ANY_PROTOCOL = 0;
