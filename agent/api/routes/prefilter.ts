import type { Ports } from "#agent/api/ports.ts";
import { prefilterChange, prefilterRequest, prefilterView } from "#agent/api/prefilter-views.ts";
import { objectsLimit, type Route, route } from "#agent/api/route.ts";

type Needs = Pick<Ports, "prefilter">;

export const prefilterRoutes: readonly Route<Needs>[] = [
  route({
    method: "GET",
    path: "/v1/prefilter",
    summary: "Addresses that the node's devices take nothing from",
    response: prefilterView,
    handle: (_, { prefilter }: Needs) => prefilter.show(),
  }),
  route({
    method: "POST",
    path: "/v1/prefilter",
    summary: "Add to the addresses that nothing is taken from",
    bodyLimit: objectsLimit,
    body: prefilterRequest,
    response: prefilterChange,
    subject: ({ body }) => body.prefixes.join(", "),
    handle: ({ body }, { prefilter }: Needs) => prefilter.add(body.prefixes),
  }),
  route({
    method: "POST",
    path: "/v1/prefilter/delete",
    summary: "Take back from the addresses that nothing is taken from",
    bodyLimit: objectsLimit,
    body: prefilterRequest,
    response: prefilterChange,
    subject: ({ body }) => body.prefixes.join(", "),
    handle: ({ body }, { prefilter }: Needs) => prefilter.delete(body.prefixes),
  }),
];
