import { encodeAddress } from "#agent/datapath/address.ts";
import type { Connection } from "#agent/datapath/kernel.ts";
import {
  AddressFamily,
  ConnectionEnd,
  ConnectionFlag,
  DropReason,
  EventHook,
  type EventRecord,
  EventType,
} from "#agent/datapath/layouts.gen.ts";

const closed = ConnectionFlag.SOURCE_CLOSING | ConnectionFlag.DESTINATION_CLOSING;

/**
 * What there is to tell of a connection whose entry has timed out: a trace as the datapath's, with its counts
 * and no packet. Null where the datapath has told it all: of one that both ends have closed, and of one packet and its answer.
 */
export function timedOut({ family, entry, ...connection }: Connection): EventRecord | null {
  const [there, back] = entry.packets;
  if ((entry.flags & closed) === closed || (there <= 1n && back <= 1n)) return null;
  const [from, to] = entry.end;
  const end = ({ rules, endpoint, verdict, match }: typeof from, identity: number): EventRecord["end"][0] => {
    return { identity, addressClass: 0, endpoint, rules, verdict, match };
  };
  return {
    time: entry.expires,
    generation: entry.revision >> 32n,
    source: { bytes: encodeAddress(connection.source).bytes },
    destination: { bytes: encodeAddress(connection.destination).bytes },
    sourcePort: connection.sourcePort,
    destinationPort: connection.destinationPort,
    type: EventType.TRACE,
    reason: DropReason.NONE,
    hook: EventHook.POD_EGRESS,
    family: family === 4 ? AddressFamily.IPV4 : AddressFamily.IPV6,
    protocol: connection.protocol,
    tcpFlags: 0,
    isReply: 0,
    file: 0,
    line: 0,
    icmpType: 0,
    icmpCode: 0,
    ifindex: 0,
    length: 0,
    // What an end's peer is was kept at the end that judged it.
    end: [end(from, entry.end[ConnectionEnd.END_DESTINATION].peerIdentity), end(to, from.peerIdentity)],
    packets: entry.packets,
    bytes: entry.bytes,
    connection: entry.flags | ConnectionFlag.TIMED_OUT,
  };
}
