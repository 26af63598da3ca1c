import * as z from "zod";
import type { Ports } from "#agent/api/ports.ts";
import { type Route, route } from "#agent/api/route.ts";
import { endpointLogEntry, endpointView, HOST_ENDPOINT, identityView } from "#agent/api/views.ts";
import { found, idParams } from "./parameters.ts";

type Needs = Pick<Ports, "endpoints" | "identities">;

export const endpointRoutes: readonly Route<Needs>[] = [
  route({
    method: "GET",
    path: "/v1/endpoints",
    summary: "The pods of this node",
    response: z.array(endpointView).readonly(),
    handle: (_, { endpoints }: Needs) => endpoints.list(),
  }),
  route({
    method: "GET",
    path: "/v1/endpoints/:id",
    summary: "One endpoint",
    params: idParams,
    response: endpointView,
    handle: ({ params: { id } }, { endpoints }: Needs) => found(endpoints.get(id), nameOf(id)),
  }),
  route({
    method: "GET",
    path: "/v1/endpoints/:id/log",
    summary: "What happened to an endpoint, oldest first",
    params: idParams,
    response: z.array(endpointLogEntry).readonly(),
    handle: ({ params: { id } }, { endpoints }: Needs) => found(endpoints.log(id), nameOf(id)),
  }),
  route({
    method: "POST",
    path: "/v1/endpoints/:id/regenerate",
    summary: "Compiles an endpoint's policy anew, and writes it, its records and its programs again",
    params: idParams,
    response: endpointView,
    handle: async ({ params: { id } }, { endpoints }: Needs) => found(await endpoints.regenerate(id), nameOf(id)),
  }),
  route({
    method: "GET",
    path: "/v1/identities",
    summary: "Identities that this node knows, with their labels",
    response: z.array(identityView).readonly(),
    handle: (_, { identities }: Needs) => identities.list(),
  }),
  route({
    method: "GET",
    path: "/v1/identities/:id",
    summary: "One identity",
    params: idParams,
    response: identityView,
    handle: ({ params: { id } }, { identities }: Needs) => found(identities.get(id), `identity ${id}`),
  }),
];

/** The node itself is an endpoint only as long as a policy selects it. */
function nameOf(id: number): string {
  return id === HOST_ENDPOINT ? "a policy that selects the node itself" : `endpoint ${id}`;
}
