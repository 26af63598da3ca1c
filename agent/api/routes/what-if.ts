import * as z from "zod";
import { policyObjectText, diffRequest, policyDiff, suggestion, suggestionRequest } from "#agent/api/what-if-views.ts";
import type { Ports } from "#agent/api/ports.ts";
import { type Route, route } from "#agent/api/route.ts";
import { found, objectName } from "./parameters.ts";
import { refuse } from "./refuse.ts";

type Needs = Pick<Ports, "whatIf">;

/** Questions about policies that are not in force. Nothing here changes anything. */
export const whatIfRoutes: readonly Route<Needs>[] = [
  route({
    method: "GET",
    path: "/v1/policies/text",
    summary: "The YAML document that an object in force comes from",
    query: z.strictObject({ name: objectName }),
    response: policyObjectText,
    handle: ({ query: { name } }, { whatIf }: Needs) => found(whatIf.text(name), `text of object ${name.text}`),
  }),
  route({
    method: "POST",
    path: "/v1/policies/diff",
    summary: "All traffic whose verdict a candidate would change",
    changes: false,
    pool: "wait",
    body: diffRequest,
    response: policyDiff,
    handle: async ({ body }, { whatIf }: Needs, signal) => {
      const outcome = await whatIf.diff(body, signal);
      return outcome.ok ? outcome.diff : refuse(`compare ${body.candidate.file}`, outcome.errors);
    },
  }),
  route({
    method: "POST",
    path: "/v1/policies/suggest",
    summary: "The least policy that would let one flow through",
    changes: false,
    body: suggestionRequest,
    response: suggestion,
    handle: ({ body: { flow } }, { whatIf }: Needs) => whatIf.suggest(flow),
  }),
];
