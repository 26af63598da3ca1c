import type { Ports } from "#agent/api/ports.ts";
import { type Route, route } from "#agent/api/route.ts";
import { statusView } from "#agent/api/views.ts";

type Needs = Pick<Ports, "status">;

export const statusRoutes: readonly Route<Needs>[] = [
  route({
    method: "GET",
    path: "/v1/status",
    summary: "Health of each part of the agent",
    response: statusView,
    handle: (_, { status }: Needs) => status.status(),
  }),
];
