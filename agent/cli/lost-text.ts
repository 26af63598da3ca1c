import type { LostFlows } from "#agent/api/flow.ts";

/** `3 flows lost: the kernel's ring was full` */
export function lostText({ lost_events: { source, num_events_lost: count } }: LostFlows, what: string): string {
  const where =
    source === "PERF_EVENT_RING_BUFFER" ? "the kernel's ring was full" : "the agent's ring went past this reader";
  return `${count} ${what} lost: ${where}`;
}
