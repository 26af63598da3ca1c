import * as z from "zod";
import { datapathEvent, eventQuery } from "#agent/api/event-views.ts";
import { lostFlows } from "#agent/api/flow.ts";
import type { Ports } from "#agent/api/ports.ts";
import { type Route, route } from "#agent/api/route.ts";

type Needs = Pick<Ports, "events">;

/** What the kernel's ring brings, one JSON object a line. */
export const eventRoutes: readonly Route<Needs>[] = [
  route({
    method: "GET",
    path: "/v1/events",
    summary: "Events of the datapath with every field of their records; the query is that of flows",
    query: eventQuery,
    response: z.union([datapathEvent, lostFlows]),
    stream: ({ query }, { events }: Needs, signal) => events.read(query, signal),
  }),
];
