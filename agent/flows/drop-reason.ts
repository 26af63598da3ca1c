import { DropReason } from "#agent/datapath/layouts.gen.ts";

/** Hubble's names of drop reasons (`flow.DropReason`), from 130 on; gaps are empty. */
const names = [
  "INVALID_SOURCE_MAC INVALID_DESTINATION_MAC INVALID_SOURCE_IP POLICY_DENIED INVALID_PACKET_DROPPED",
  "CT_TRUNCATED_OR_INVALID_HEADER CT_MISSING_TCP_ACK_FLAG CT_UNKNOWN_L4_PROTOCOL CT_CANNOT_CREATE_ENTRY_FROM_PACKET",
  "UNSUPPORTED_L3_PROTOCOL MISSED_TAIL_CALL ERROR_WRITING_TO_PACKET UNKNOWN_L4_PROTOCOL UNKNOWN_ICMPV4_CODE",
  "UNKNOWN_ICMPV4_TYPE UNKNOWN_ICMPV6_CODE UNKNOWN_ICMPV6_TYPE ERROR_RETRIEVING_TUNNEL_KEY",
  "ERROR_RETRIEVING_TUNNEL_OPTIONS INVALID_GENEVE_OPTION UNKNOWN_L3_TARGET_ADDRESS STALE_OR_UNROUTABLE_IP",
  "NO_MATCHING_LOCAL_CONTAINER_FOUND ERROR_WHILE_CORRECTING_L3_CHECKSUM ERROR_WHILE_CORRECTING_L4_CHECKSUM",
  "CT_MAP_INSERTION_FAILED INVALID_IPV6_EXTENSION_HEADER IP_FRAGMENTATION_NOT_SUPPORTED SERVICE_BACKEND_NOT_FOUND",
  "- NO_TUNNEL_OR_ENCAPSULATION_ENDPOINT FAILED_TO_INSERT_INTO_PROXYMAP REACHED_EDT_RATE_LIMITING_DROP_HORIZON",
  "UNKNOWN_CONNECTION_TRACKING_STATE LOCAL_HOST_IS_UNREACHABLE NO_CONFIGURATION_AVAILABLE_TO_PERFORM_POLICY_DECISION",
  "UNSUPPORTED_L2_PROTOCOL NO_MAPPING_FOR_NAT_MASQUERADE UNSUPPORTED_PROTOCOL_FOR_NAT_MASQUERADE FIB_LOOKUP_FAILED",
  "ENCAPSULATION_TRAFFIC_IS_PROHIBITED INVALID_IDENTITY UNKNOWN_SENDER NAT_NOT_NEEDED IS_A_CLUSTERIP",
  "FIRST_LOGICAL_DATAGRAM_FRAGMENT_NOT_FOUND FORBIDDEN_ICMPV6_MESSAGE DENIED_BY_LB_SRC_RANGE_CHECK",
  "SOCKET_LOOKUP_FAILED SOCKET_ASSIGN_FAILED PROXY_REDIRECTION_NOT_SUPPORTED_FOR_PROTOCOL POLICY_DENY VLAN_FILTERED",
  "INVALID_VNI INVALID_TC_BUFFER NO_SID MISSING_SRV6_STATE NAT46 NAT64 AUTH_REQUIRED CT_NO_MAP_FOUND",
  "SNAT_NO_MAP_FOUND INVALID_CLUSTER_ID UNSUPPORTED_PROTOCOL_FOR_DSR_ENCAP NO_EGRESS_GATEWAY UNENCRYPTED_TRAFFIC",
  "TTL_EXCEEDED NO_NODE_ID DROP_RATE_LIMITED IGMP_HANDLED IGMP_SUBSCRIBED MULTICAST_HANDLED DROP_HOST_NOT_READY",
  "DROP_EP_NOT_READY DROP_NO_EGRESS_IP DROP_PUNT_PROXY - DROP_FRAG_NOT_FOUND_WORLD",
]
  .join(" ")
  .split(" ");

const first = 130;

/** Reasons that Hubble has no name of, from our own numbers. */
const own: Readonly<Record<number, string>> = {
  [DropReason.FRAGMENT_OVERLAP]: "FRAGMENT_OVERLAP",
  [DropReason.SOURCE_ROUTE]: "SOURCE_ROUTE",
  [DropReason.CONNECTION_LIMIT]: "CONNECTION_LIMIT",
  [DropReason.FORBIDDEN_ICMPV4]: "FORBIDDEN_ICMPV4_MESSAGE",
  [DropReason.BANDWIDTH]: "BANDWIDTH",
  [DropReason.PREFILTER]: "PREFILTER",
};

/** Reasons whose name does not say it well enough. */
const sentences: Readonly<Record<string, string>> = {
  POLICY_DENIED: "no rule allows it",
  POLICY_DENY: "a rule denies it",
  SOCKET_LOOKUP_FAILED:
    "a rule asks for the proxy, which is not there, or has not had the connection from its beginning",
  SOCKET_ASSIGN_FAILED: "a rule asks for the proxy, whose socket cannot be given the packet",
  PROXY_REDIRECTION_NOT_SUPPORTED_FOR_PROTOCOL: "a rule asks for the proxy, which knows TCP and UDP only",
  IP_FRAGMENTATION_NOT_SUPPORTED: "a rule asks for the proxy, which takes no fragments",
  DROP_EP_NOT_READY: "the endpoint is not ready",
  CT_MAP_INSERTION_FAILED: "the connection cannot be remembered",
  FRAGMENT_OVERLAP: "a fragment would be laid over headers that were judged",
  SOURCE_ROUTE: "the sender says by which way the packet shall go",
  CONNECTION_LIMIT: "the rule that allows it has as many connections as it may",
  FORBIDDEN_ICMPV4_MESSAGE: "only a router may say this",
  BANDWIDTH: "it would be more than the pod's bandwidth limit; one such drop a second is told of",
  PREFILTER: "its source address is listed by weir prefilter",
  DROP_RATE_LIMITED: "the rule that allows it has had as many new connections as it may",
  FIRST_LOGICAL_DATAGRAM_FRAGMENT_NOT_FOUND: "the first fragment of its datagram has not come by",
  STALE_OR_UNROUTABLE_IP: "no packet goes to such an address",
  VLAN_FILTERED: "it has the tag of a VLAN",
  INVALID_SOURCE_IP: "the source address is not the sender's",
  INVALID_SOURCE_MAC: "the source MAC address is not the sender's",
};

/** Hubble's name; `DROP_REASON_UNKNOWN` for a number that has none. */
export function dropReasonName(reason: number): string {
  const name = own[reason] ?? names[reason - first];
  return name === undefined || name === "-" ? "DROP_REASON_UNKNOWN" : name;
}

/** The reason in words. */
export function dropReasonText(reason: number): string {
  const name = dropReasonName(reason);
  return (
    sentences[name] ??
    name
      .toLowerCase()
      .replace(/^drop_/, "")
      .replaceAll("_", " ")
  );
}
