import { ConnectionEnd, DropReason, EventHook, type EventRecord, Verdict } from "#agent/datapath/layouts.gen.ts";
import type { FlowParty } from "./context.ts";

/** An event as it is kept: with the names that its ends had. */
export interface FlowRecord {
  /** Number of the event since the agent started, from 0. */
  readonly sequence: number;
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  readonly event: EventRecord;
  /** Of the packet, which may be a reply. */
  readonly source: FlowParty;
  readonly destination: FlowParty;
}

export type Direction = "ingress" | "egress";

/** The end whose policy dropped the packet; undefined when it was not policy. */
export function deniedEnd({ reason, end }: EventRecord): Direction | undefined {
  if (reason !== DropReason.POLICY_DENIED && reason !== DropReason.POLICY_DENIED_BY_RULE) return undefined;
  return end[ConnectionEnd.END_SOURCE].verdict === Verdict.DENY ? "egress" : "ingress";
}

/** The end that judged, of the connection; for other drops the way the packet went. */
export function directionOf(event: EventRecord): Direction {
  if (event.reason !== DropReason.NONE) {
    return deniedEnd(event) ?? (event.hook === EventHook.EGRESS ? "egress" : "ingress");
  }
  return event.end[ConnectionEnd.END_SOURCE].verdict === Verdict.NONE ? "ingress" : "egress";
}
