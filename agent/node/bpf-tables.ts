import type { BpfConnection, BpfMapping, BpfTupleQuery } from "#agent/api/bpf-views.ts";
import { ApiError } from "#agent/api/errors.ts";
import type { BpfPort } from "#agent/api/ports.ts";
import { HOST } from "#agent/endpoint/host-endpoint.ts";
import type { Connection, NatMapping } from "#agent/datapath/kernel.ts";
import { ConnectionEnd, ConnectionFlag, NatFlag, Verdict } from "#agent/datapath/layouts.gen.ts";
import { formatAddress, parseAddress } from "#policy/model/cidr.ts";
import { protocolNumbers } from "#policy/model/protocol.ts";
import type { NodeParts } from "./parts.ts";

const protocolNames = new Map(Object.entries(protocolNumbers).map(([name, number]) => [number, name]));
const verdicts = {
  [Verdict.NONE]: "none",
  [Verdict.ALLOW]: "allow",
  [Verdict.DENY]: "deny",
  [Verdict.REDIRECT]: "redirect",
} as const;

/** Connections and masqueraded flows: shown and forgotten, those that a query names. */
export function bpfTables(parts: NodeParts): Pick<BpfPort, "conntrack" | "nat" | "flushConntrack" | "flushNat"> {
  const { kernel } = parts;
  return {
    conntrack: (query, signal) => {
      const isWanted = connectionFilter(query, parts);
      return views(kernel.connections.all(), isWanted, (one) => viewConnection(one, kernel.now()), signal);
    },
    nat: (query, signal) => {
      const isWanted = mappingFilter(query, parts);
      return views(kernel.nat.all(), isWanted, (one) => viewMapping(one, kernel.now()), signal);
    },
    flushConntrack: async (query) => ({
      entries: await kernel.connections.removeWhere(connectionFilter(query, parts)),
    }),
    flushNat: async (query) => ({ entries: await kernel.nat.removeWhere(mappingFilter(query, parts)) }),
  };
}

async function* views<T, View>(
  table: AsyncIterable<readonly T[]>,
  isWanted: (one: T) => boolean,
  view: (one: T) => View,
  signal: AbortSignal,
): AsyncGenerator<View[]> {
  for await (const some of table) {
    signal.throwIfAborted();
    yield some.filter(isWanted).map(view);
  }
}

/** @throws ApiError `not-found` for an endpoint that is none. */
function connectionFilter(query: BpfTupleQuery, parts: NodeParts): (connection: Connection) => boolean {
  const isWanted = tupleFilter(query);
  const { endpoint } = query;
  if (endpoint === undefined) return isWanted;
  if (endpoint !== HOST) incarnationOf(endpoint, parts);
  return (connection) => connection.entry.end.some((end) => end.endpoint === endpoint) && isWanted(connection);
}

/** @throws ApiError `not-found` for an endpoint that is none. */
function mappingFilter(query: BpfTupleQuery, parts: NodeParts): (mapping: NatMapping) => boolean {
  const isWanted = tupleFilter(query);
  const { endpoint } = query;
  const incarnation = endpoint === undefined ? undefined : endpoint === HOST ? 0 : incarnationOf(endpoint, parts);
  return ({ protocol, owner, ownerPort, remote, remotePort, entry }) =>
    (incarnation === undefined || entry.incarnation === incarnation) &&
    isWanted({
      protocol,
      source: owner,
      sourcePort: ownerPort,
      destination: remote,
      destinationPort: remotePort,
    });
}

function incarnationOf(endpoint: number, { endpoints }: NodeParts): number {
  const found = endpoints.get(endpoint);
  if (found) return found.record.incarnation;
  throw new ApiError("not-found", { asked: `find endpoint ${endpoint}`, obstacle: "there is none" });
}

type Ends = Pick<Connection, "protocol" | "source" | "sourcePort" | "destination" | "destinationPort">;

function tupleFilter(query: BpfTupleQuery): (ends: Ends) => boolean {
  const { protocol, sourcePort, destinationPort } = query;
  const [source, destination] = [query.source, query.destination].map(canonical);
  return (ends) =>
    (protocol === undefined || protocolName(ends.protocol) === protocol) &&
    (source === undefined || ends.source === source) &&
    (sourcePort === undefined || ends.sourcePort === sourcePort) &&
    (destination === undefined || ends.destination === destination) &&
    (destinationPort === undefined || ends.destinationPort === destinationPort);
}

/** The text that the kernel's tables give an address. */
function canonical(text: string | undefined): string | undefined {
  const address = text === undefined ? null : parseAddress(text);
  return address === null ? text : formatAddress(address);
}

function protocolName(protocol: number): string {
  return protocolNames.get(protocol) ?? String(protocol);
}

/** Of two boot times in ns. */
function secondsUntil(end: bigint, now: bigint): number {
  return Number((end - now) / 1_000_000n) / 1000;
}

function viewMapping({ entry, ...flow }: NatMapping, now: bigint): BpfMapping {
  const isClosing = (entry.flags & (NatFlag.OWNER_CLOSING | NatFlag.REMOTE_CLOSING)) !== 0;
  return {
    protocol: protocolName(flow.protocol),
    source: flow.owner,
    sourcePort: flow.ownerPort,
    translated: flow.address,
    translatedPort: flow.port,
    destination: flow.remote,
    destinationPort: flow.remotePort,
    expiresIn: secondsUntil(entry.expires, now),
    state: isClosing ? "closing" : (entry.flags & NatFlag.ANSWERED) !== 0 ? "open" : "unanswered",
  };
}

function viewConnection({ entry, protocol, ...tuple }: Connection, now: bigint): BpfConnection {
  const end = (which: 0 | 1): BpfConnection["from"] => {
    const { rules, verdict } = entry.end[which];
    return {
      packets: Number(entry.packets[which]),
      bytes: Number(entry.bytes[which]),
      verdict: verdicts[verdict as keyof typeof verdicts] ?? "none",
      rules: rules.filter((rule) => rule !== 0),
    };
  };
  const { SEEN_REPLY, SOURCE_CLOSING, DESTINATION_CLOSING } = ConnectionFlag;
  const seenReply = (entry.flags & SEEN_REPLY) !== 0;
  const closing = (entry.flags & (SOURCE_CLOSING | DESTINATION_CLOSING)) !== 0;
  return {
    protocol: protocolName(protocol),
    source: tuple.source,
    sourcePort: tuple.sourcePort,
    destination: tuple.destination,
    destinationPort: tuple.destinationPort,
    expiresIn: secondsUntil(entry.expires, now),
    generation: Number(entry.revision >> 32n),
    seenReply,
    closing,
    state: entry.cut === 1 ? "cut" : closing ? "closing" : seenReply ? "open" : "unanswered",
    from: end(ConnectionEnd.END_SOURCE),
    to: end(ConnectionEnd.END_DESTINATION),
  };
}
