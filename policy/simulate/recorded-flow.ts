import type { FlowProtocol } from "#policy/model/protocol.ts";
import { RESERVED_PARTIES, type ReservedParty, reservedIdentities } from "#policy/model/reserved.ts";
import { canonicalAddress } from "./party-candidates.ts";
import type { FlowShape, FlowShapeEnd } from "./flow-shape.ts";

/** One end of a recorded flow, as the record has it. */
export interface RecordedEnd {
  readonly namespace: string | null;
  readonly pod: string | null;
  /** `k8s:app=web`, `reserved:world`; sorted. */
  readonly labels: readonly string[];
  readonly reserved: ReservedParty | null;
  /** Canonical text. */
  readonly address: string | null;
  /** DNS names, lower case, without the trailing dot; sorted. */
  readonly names: readonly string[];
}

/** A connection that was seen, in its own direction: a reply is turned around. */
export interface RecordedFlow {
  readonly source: RecordedEnd;
  readonly destination: RecordedEnd;
  readonly protocol: FlowProtocol;
  /** Of the destination; of ICMP the type. */
  readonly port: number;
  readonly wasDropped: boolean;
}

/**
 * Why a record says nothing about policy: it has no ports and is no ICMP; it is of a socket's own translation,
 * before there is a packet; it is an ICMP answer to nobody knows what; it tells of something else than a flow.
 */
export type Unjudged = "no-ports" | "socket" | "icmp-answer" | "no-flow";

/** The types of ICMP that answer others: the type of the request by that of the reply. */
const REQUESTS: Readonly<Partial<Record<FlowProtocol, Readonly<Record<number, number>>>>> = {
  ICMP: { 0: 8, 14: 13 },
  ICMPv6: { 129: 128 },
};

const SOCKET_TYPES: ReadonlySet<string> = new Set(["SOCK", "DEBUG", "CAPTURE"]);

/** What a record says of a connection. */
export function toRecordedFlow(shape: FlowShape): RecordedFlow | Unjudged {
  if (SOCKET_TYPES.has(shape.Type ?? "")) return "socket";
  const layer4 = layer4Of(shape);
  if (!layer4) return "no-ports";
  const ends = [
    toEnd(shape.source, shape.IP?.source, shape.source_names),
    toEnd(shape.destination, shape.IP?.destination, shape.destination_names),
  ] as const;
  // A request is denied on a connection that was allowed.
  const wasDropped = shape.verdict === "DROPPED" && shape.Type !== "L7";
  const { protocol, sourcePort, port } = layer4;
  if (!isReply(shape)) {
    if (port === null) return "no-ports";
    return { source: ends[0], destination: ends[1], protocol, port, wasDropped };
  }
  const asked = layer4.isIcmp ? (REQUESTS[protocol]?.[port ?? 0] ?? null) : sourcePort;
  if (asked === null) return layer4.isIcmp ? "icmp-answer" : "no-ports";
  return { source: ends[1], destination: ends[0], protocol, port: asked, wasDropped };
}

interface Layer4 {
  readonly protocol: FlowProtocol;
  readonly sourcePort: number | null;
  readonly port: number | null;
  readonly isIcmp: boolean;
}

function layer4Of({ l4 }: FlowShape): Layer4 | null {
  for (const protocol of ["TCP", "UDP", "SCTP"] as const) {
    const ports = l4?.[protocol];
    // Numbers that are zero are left out of the record.
    if (ports) {
      const { source_port: sourcePort, destination_port: port } = ports;
      return { protocol, sourcePort: sourcePort || null, port: port || null, isIcmp: false };
    }
  }
  if (l4?.ICMPv4) return { protocol: "ICMP", sourcePort: null, port: l4.ICMPv4.type ?? 0, isIcmp: true };
  if (l4?.ICMPv6) return { protocol: "ICMPv6", sourcePort: null, port: l4.ICMPv6.type ?? 0, isIcmp: true };
  for (const protocol of ["VRRP", "IGMP"] as const) {
    if (l4?.[protocol]) return { protocol, sourcePort: 0, port: 0, isIcmp: false };
  }
  return null;
}

/** Where the record does not say, the second packet of a TCP connection still does. */
function isReply({ is_reply: reply, l4 }: FlowShape): boolean {
  const flags = l4?.TCP?.flags;
  return reply ?? (flags?.SYN === true && flags.ACK === true);
}

function toEnd(end: FlowShapeEnd = {}, address: string | undefined, names: readonly string[] = []): RecordedEnd {
  const labels = [...(end.labels ?? [])].sort();
  return {
    namespace: end.namespace || null,
    pod: end.pod_name || null,
    labels,
    reserved: reservedOf(labels, end.identity ?? 0),
    address: address ? canonicalAddress(address) : null,
    names: [...new Set(names.map((name) => name.toLowerCase().replace(/\.$/, "")))].sort(),
  };
}

/** Of several names the one that says most: an API server is in the world or on a node, too. */
function reservedOf(labels: readonly string[], identity: number): ReservedParty | null {
  const named = labels.flatMap((label) => (label.startsWith("reserved:") ? label.slice("reserved:".length) : []));
  const found = RESERVED_PARTIES.filter((party) => party !== "world" && named.includes(party));
  if (found.includes("kube-apiserver") && !found.includes("host")) return "kube-apiserver";
  if (found[0]) return found[0];
  if (named.some((name) => name.startsWith("world"))) return "world";
  return RESERVED_PARTIES.find((party) => reservedIdentities[party] === identity) ?? null;
}
