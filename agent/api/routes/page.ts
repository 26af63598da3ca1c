import { ApiError } from "#agent/api/errors.ts";
import type { Ports } from "#agent/api/ports.ts";
import { type Route, route } from "#agent/api/route.ts";
import { pageLink } from "#agent/api/views.ts";

type Needs = Pick<Ports, "page">;

export const pageLinkRoutes: readonly Route<Needs>[] = [
  route({
    method: "POST",
    path: "/v1/page/links",
    summary: "A link to the page, good once",
    // It shows no more than who may ask for it can read anyway.
    changes: false,
    response: pageLink,
    handle: (_, { page }: Needs) => {
      const link = page.link();
      if (link) return link;
      const remedy = "start it with --ui-address 127.0.0.1:9966";
      throw new ApiError("conflict", { asked: "open page", obstacle: "this agent serves none", remedy });
    },
  }),
];
