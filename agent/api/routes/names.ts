import * as z from "zod";
import { namedAddressView } from "#agent/api/name-views.ts";
import type { Ports } from "#agent/api/ports.ts";
import { type Route, route } from "#agent/api/route.ts";

type Needs = Pick<Ports, "names">;

export const nameRoutes: readonly Route<Needs>[] = [
  route({
    method: "GET",
    path: "/v1/names",
    summary: "Which addresses DNS names stand for, as pods were told",
    response: z.array(namedAddressView).readonly(),
    handle: (_, { names }: Needs) => names.list(),
  }),
];
