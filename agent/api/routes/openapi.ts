import * as z from "zod";
import document from "#agent/api/openapi.gen.json" with { type: "json" };
import { type Route, route } from "#agent/api/route.ts";

/** What the API is, for programs. */
export const openapiRoutes: readonly Route<unknown>[] = [
  route({
    method: "GET",
    path: "/v1/openapi.json",
    summary: "This description of the API",
    response: z.record(z.string(), z.unknown()),
    handle: () => document,
  }),
];
