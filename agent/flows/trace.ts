import type { Flow, FlowConnection } from "#agent/api/flow.ts";
import { ConnectionFlag, EventHook, type EventRecord, EventType } from "#agent/datapath/layouts.gen.ts";

/** Where the packet of a hook was seen: the name, and the number that goes with it in `event_type`. */
const points = {
  [EventHook.POD_EGRESS]: ["FROM_ENDPOINT", 5],
  [EventHook.POD_INGRESS]: ["TO_ENDPOINT", 0],
  [EventHook.NETDEV_INGRESS]: ["FROM_NETWORK", 10],
  [EventHook.NETDEV_EGRESS]: ["TO_NETWORK", 11],
} as const satisfies Readonly<Record<number, readonly [NonNullable<Flow["trace_observation_point"]>, number]>>;

const pointOf = ({ hook }: EventRecord) => points[hook as keyof typeof points] ?? points[EventHook.POD_EGRESS];

/** Hubble's `event_type.sub_type`: of a trace where it was seen, of a drop why, of a judgement nothing. */
export function subType(event: EventRecord): number {
  if (event.type === EventType.TRACE) return pointOf(event)[1];
  return event.type === EventType.DROP ? event.reason : 0;
}

/** What a flow says of how its connection goes. @param event of a trace. */
export function traceOf(event: EventRecord): Pick<Flow, "trace_observation_point" | "trace_reason"> {
  return { trace_observation_point: pointOf(event)[0], trace_reason: event.isReply ? "REPLY" : "ESTABLISHED" };
}

const closing = ConnectionFlag.SOURCE_CLOSING | ConnectionFlag.DESTINATION_CLOSING;

function stateOf({ connection }: EventRecord): FlowConnection["state"] {
  if (connection & ConnectionFlag.TIMED_OUT) return "timed-out";
  if ((connection & closing) === 0) return "open";
  return (connection & closing) === closing ? "closed" : "closing";
}

/** How a connection goes. @param event of a trace. */
export function connectionOf(event: EventRecord): FlowConnection {
  const ends = ([source, destination]: readonly [bigint, bigint]) => ({
    source: source.toString(),
    destination: destination.toString(),
  });
  return { state: stateOf(event), packets: ends(event.packets), bytes: ends(event.bytes) };
}
