import type { StagedOutcome } from "#agent/api/flow.ts";
import {
  ConnectionEnd,
  DropReason,
  type EventRecord,
  EventType,
  ReservedIdentity,
  Verdict,
} from "#agent/datapath/layouts.gen.ts";
import { connectionPort } from "./layer4.ts";
import type { Direction } from "./record.ts";

/** An end of a connection that the kernel has judged, and what it was asked. */
export interface JudgedEnd {
  /** Of this node. */
  readonly endpoint: number;
  readonly direction: Direction;
  readonly verdict: StagedOutcome["verdict"];
  /** Who is at the other end; 0: nobody knows. */
  readonly identity: number;
  readonly addressClass: number;
  readonly protocol: number;
  /** Destination port; ICMP: the type. */
  readonly port: number;
}

const verdicts: Readonly<Record<number, JudgedEnd["verdict"]>> = {
  [Verdict.ALLOW]: "allow",
  [Verdict.DENY]: "deny",
  [Verdict.REDIRECT]: "redirect",
};

/** The ends of an event that a policy has judged. */
export function judgedEnds(event: EventRecord): JudgedEnd[] {
  // A drop for another reason says nothing of policy, but for one whose proxy is missing.
  if (event.type !== EventType.VERDICT && event.reason !== DropReason.PROXY_LOOKUP_FAILED) return [];
  const ends: JudgedEnd[] = [];
  const { protocol } = event;
  const port = connectionPort(event);
  const [source, destination] = [event.end[ConnectionEnd.END_SOURCE], event.end[ConnectionEnd.END_DESTINATION]];
  for (const [direction, own, other] of [
    ["egress", source, destination],
    ["ingress", destination, source],
  ] as const) {
    const verdict = verdicts[own.verdict];
    if (verdict === undefined || own.endpoint === 0) continue;
    // The node reaches its pods whatever their policy says, and itself.
    const isFree = direction === "ingress" || own.identity === ReservedIdentity.HOST;
    if (isFree && other.identity === ReservedIdentity.HOST) continue;
    const { identity, addressClass } = other;
    ends.push({ endpoint: own.endpoint, direction, verdict, identity, addressClass, protocol, port });
  }
  return ends;
}
