import * as z from "zod";
import { flow, lostFlows } from "#agent/api/flow.ts";
import { flowQuery } from "#agent/api/flow-filter.ts";
import type { Ports } from "#agent/api/ports.ts";
import { type Route, route } from "#agent/api/route.ts";

type Needs = Pick<Ports, "flows">;

/** Flows, one JSON object a line. */
export const flowRoutes: readonly Route<Needs>[] = [
  route({
    method: "GET",
    path: "/v1/flows",
    summary: "Flows, oldest first; all that is given must match, of a list one",
    query: flowQuery,
    response: z.union([flow, lostFlows]),
    progress: ({ flows }) => flows.counts,
    stream: ({ query }, { flows }: Needs, signal) => flows.read(query, signal),
  }),
];
