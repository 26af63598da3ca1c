import type { Ports } from "#agent/api/ports.ts";
import { type Route, route } from "#agent/api/route.ts";
import { whatIfRoutes } from "#agent/api/routes/what-if.ts";
import { liveFrame } from "./frame.ts";
import type { LiveFlows } from "./live.ts";
import { liveQuery } from "./live-query.ts";

/** All that the page can ask for. Nothing of it changes anything. */
export interface PagePorts extends Pick<Ports, "whatIf"> {
  readonly live: Pick<LiveFlows, "read">;
}

export const pageRoutes: readonly Route<PagePorts>[] = [
  ...whatIfRoutes,
  route({
    method: "GET",
    path: "/v1/live",
    summary: "What the page shows, a frame twice a second",
    query: liveQuery,
    response: liveFrame,
    stream: ({ query }, { live }: PagePorts, signal) => live.read(query, signal),
  }),
];
