import type { DatapathEvent } from "#agent/api/event-views.ts";
import {
  AddressFamily,
  ConnectionFlag,
  DropReason,
  type EventEnd,
  EventHook,
  PolicyMatch,
  Verdict,
} from "#agent/datapath/layouts.gen.ts";
import { formatTime } from "#agent/runtime/clock.ts";
import { addressText } from "./address-text.ts";
import { dropReasonName } from "./drop-reason.ts";
import { tcpFlags } from "./layer4.ts";
import { type FlowRecord, flowType, ownEvent } from "./record.ts";
import { sourceFileName } from "./source-file.ts";

const hooks = namesOf(EventHook);
const verdicts = namesOf(Verdict);
const matches = namesOf(PolicyMatch);
const connectionFlags = namesOf(ConnectionFlag);

/** An event with every field of its record. */
export function eventView(record: FlowRecord): DatapathEvent {
  const event = ownEvent(record.event);
  const { reason, family, line, end, packets, bytes } = event;
  const hasAddress = family !== AddressFamily.NONE;
  return {
    sequence: record.sequence,
    time: formatTime(record.time),
    type: flowType(event),
    reason: reason === DropReason.NONE ? null : dropReasonName(reason),
    reasonNumber: reason,
    hook: hooks.get(event.hook) ?? String(event.hook),
    ifindex: event.ifindex,
    file: line === 0 ? null : sourceFileName(event.file),
    line: line === 0 ? null : line,
    generation: event.generation.toString(),
    family: !hasAddress ? null : family === AddressFamily.IPV6 ? "IPv6" : "IPv4",
    protocol: event.protocol,
    source: hasAddress ? addressText(family, event.source.bytes) : null,
    destination: hasAddress ? addressText(family, event.destination.bytes) : null,
    sourcePort: event.sourcePort,
    destinationPort: event.destinationPort,
    tcpFlags: Object.keys(tcpFlags(event.tcpFlags)),
    icmpType: event.icmpType,
    icmpCode: event.icmpCode,
    isReply: event.isReply !== 0,
    length: event.length,
    ends: { source: endView(end[0]), destination: endView(end[1]) },
    packets: { source: packets[0].toString(), destination: packets[1].toString() },
    bytes: { source: bytes[0].toString(), destination: bytes[1].toString() },
    connection: [...connectionFlags].flatMap(([flag, name]) => (event.connection & flag ? [name] : [])),
  };
}

function endView({
  identity,
  addressClass,
  endpoint,
  rules,
  verdict,
  match,
}: EventEnd): DatapathEvent["ends"]["source"] {
  return {
    identity,
    addressClass,
    endpoint,
    rules: rules.filter((reference) => reference !== 0),
    verdict: verdicts.get(verdict) as DatapathEvent["ends"]["source"]["verdict"],
    match: matches.get(match) as DatapathEvent["ends"]["source"]["match"],
  };
}

/** The names of an enum of the datapath: `POD_EGRESS` is `pod-egress`. */
function namesOf(words: Readonly<Record<string, number>>): Map<number, string> {
  return new Map(Object.entries(words).map(([name, number]) => [number, name.toLowerCase().replaceAll("_", "-")]));
}
