import type { LostFlows } from "#agent/api/flow.ts";

const reasons: Readonly<Record<LostFlows["lost_events"]["source"], string>> = {
  PERF_EVENT_RING_BUFFER: "the kernel's ring was full",
  OBSERVER_EVENTS_QUEUE: "the proxy had more to tell of requests than the agent took",
  HUBBLE_RING_BUFFER: "the agent's ring went past this reader",
};

/** `3 flows lost: the kernel's ring was full` */
export function lostText({ lost_events: { source, num_events_lost: count } }: LostFlows, what: string): string {
  return `${count} ${what} lost: ${reasons[source]}`;
}
