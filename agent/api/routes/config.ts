import * as z from "zod";
import { optionChange, optionChanges, optionView } from "#agent/api/config-views.ts";
import type { Ports } from "#agent/api/ports.ts";
import { type Route, route } from "#agent/api/route.ts";

type Needs = Pick<Ports, "config">;

export const configRoutes: readonly Route<Needs>[] = [
  route({
    method: "GET",
    path: "/v1/config",
    summary: "The agent's options, as they are in force",
    response: z.array(optionView).readonly(),
    handle: (_, { config }: Needs) => config.list(),
  }),
  route({
    method: "PATCH",
    path: "/v1/config",
    summary: "Set options live, or take back what was set; all of them or none",
    body: optionChanges,
    response: optionChange,
    subject: ({ body }) =>
      Object.entries(body)
        .map(([name, value]) => (value === null ? `unset ${name}` : `${name}=${value}`))
        .join(", "),
    handle: ({ body }, { config }: Needs) => config.change(body),
  }),
];
