import type { DatapathEvent } from "#agent/api/event-views.ts";
import type { FlowVerdict, StagedOutcome } from "#agent/api/flow.ts";
import {
  ConnectionEnd,
  DropReason,
  type EventEnd,
  EventHook,
  type EventRecord,
  eventRecord,
  EventRecordView,
  EventType,
  Verdict,
} from "#agent/datapath/layouts.gen.ts";
import type { FlowParty } from "./context.ts";
import type { KeptRequest } from "./request.ts";

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
  /** Ends that what is staged would judge otherwise. */
  readonly staged: readonly StagedOutcome[];
  /** Nothing was enforced; known where {@link staged} says something. */
  readonly audit: boolean;
  /** Of an event that stands for a request: what the proxy has told. */
  readonly request: KeptRequest | null;
}

/** A copy, where the event is read where it lies. */
export function ownEvent(event: EventRecord): EventRecord {
  return event instanceof EventRecordView ? eventRecord.decode(event.view, event.at) : event;
}

export type Direction = "ingress" | "egress";

/** @param event of the datapath. */
export function flowType({ type }: EventRecord): DatapathEvent["type"] {
  if (type === EventType.TRACE) return "trace";
  return type === EventType.DROP ? "drop" : "policy-verdict";
}

/** What became of the packet, or of the request. */
export function flowVerdict({
  event,
  staged,
  audit,
  request,
}: Pick<FlowRecord, "event" | "staged" | "audit" | "request">): FlowVerdict {
  if (request) return request.verdict;
  if (event.reason !== DropReason.NONE) return "DROPPED";
  if (audit && staged.some(({ verdict }) => verdict === "deny")) return "AUDIT";
  return event.type === EventType.VERDICT && isRedirected(event) ? "REDIRECTED" : "FORWARDED";
}

/** Whether an end has its requests looked at by the proxy. */
export function isRedirected({ end: [from, to] }: EventRecord): boolean {
  return from.verdict === Verdict.REDIRECT || to.verdict === Verdict.REDIRECT;
}

/** Reasons of drops by a limit of a rule that allows. */
const limits: readonly number[] = [DropReason.RATE_LIMITED, DropReason.CONNECTION_LIMIT];

/** What the end has said that decided; undefined for a drop that was not policy's. */
export function decidingVerdict({ reason }: EventRecord): Verdict | undefined {
  if (reason === DropReason.NONE || limits.includes(reason)) return Verdict.ALLOW;
  if (reason === DropReason.POLICY_DENIED || reason === DropReason.POLICY_DENIED_BY_RULE) return Verdict.DENY;
  return reason === DropReason.PROXY_LOOKUP_FAILED ? Verdict.REDIRECT : undefined;
}

/** Whether an end is one of those that decided: to look at requests is to allow the connection. */
export function hasDecided(event: EventRecord, { verdict: said }: Pick<EventEnd, "verdict">): boolean {
  const verdict = decidingVerdict(event);
  return verdict !== undefined && (said === verdict || (verdict === Verdict.ALLOW && said === Verdict.REDIRECT));
}

/** The end whose policy dropped the packet; undefined when it was not policy. */
export function deniedEnd(event: EventRecord): Direction | undefined {
  const verdict = decidingVerdict(event);
  if (verdict === undefined || verdict === Verdict.ALLOW) return undefined;
  return event.end[ConnectionEnd.END_SOURCE].verdict === verdict ? "egress" : "ingress";
}

/** The end that judged, of the connection; for other drops the way the packet went. */
export function directionOf(event: EventRecord): Direction {
  if (event.reason !== DropReason.NONE) {
    return deniedEnd(event) ?? (event.hook === EventHook.POD_EGRESS ? "egress" : "ingress");
  }
  return event.end[ConnectionEnd.END_SOURCE].verdict === Verdict.NONE ? "ingress" : "egress";
}
