import type { Ports } from "#agent/api/ports.ts";
import { type Route, route } from "#agent/api/route.ts";
import { trace, traceRequest } from "#agent/api/trace-views.ts";

type Needs = Pick<Ports, "traces">;

export const traceRoutes: readonly Route<Needs>[] = [
  route({
    method: "POST",
    path: "/v1/trace",
    summary: "One packet through the programs of the node, with each look-up; nothing of it remains",
    changes: false,
    pool: "wait",
    body: traceRequest,
    response: trace,
    handle: ({ body }, { traces }: Needs) => traces.trace(body),
  }),
];
