import * as z from "zod";
import {
  evaluation,
  evaluationRequest,
  policiesInForce,
  policyChange,
  policyDocument,
  policyObjectView,
  policyRevision,
  policyView,
  stagedView,
  validation,
  verification,
  verificationRequest,
} from "#agent/api/policy-views.ts";
import type { Ports } from "#agent/api/ports.ts";
import { objectsLimit, type Route, route } from "#agent/api/route.ts";
import { found, number, objectName } from "./parameters.ts";
import { refuse } from "./refuse.ts";

type Needs = Pick<Ports, "policies" | "evaluations" | "verifications">;

export const policyRoutes: readonly Route<Needs>[] = [
  route({
    method: "GET",
    path: "/v1/policies",
    summary: "Policy objects in force",
    response: z.array(policyView).readonly(),
    handle: (_, { policies }: Needs) => policies.list(),
  }),
  route({
    method: "GET",
    path: "/v1/policies/staged",
    summary: "What is staged, with the connections that it would have judged otherwise",
    response: z.array(stagedView).readonly(),
    handle: (_, { policies }: Needs) => policies.staged(),
  }),
  route({
    method: "GET",
    path: "/v1/policies/object",
    summary: "One policy object, with its manifest",
    query: z.strictObject({ name: objectName }),
    response: policyObjectView,
    handle: ({ query: { name } }, { policies }: Needs) => found(policies.get(name), `object ${name.text}`),
  }),
  route({
    method: "GET",
    path: "/v1/policies/objects",
    summary: "All that judging depends on: the objects in force and how they are read",
    response: policiesInForce,
    handle: (_, { policies }: Needs) => policies.inForce(),
  }),
  route({
    method: "DELETE",
    path: "/v1/policies/object",
    summary: "Take back an object that was applied",
    query: z.strictObject({ name: objectName }),
    response: policyChange,
    subject: ({ query: { name } }) => name.text,
    handle: async ({ query: { name } }, { policies }: Needs) =>
      found(await policies.delete(name), `applied object ${name.text}`),
  }),
  route({
    method: "POST",
    path: "/v1/policies",
    summary: "Apply policy objects; answered when they are in force",
    body: policyDocument,
    bodyLimit: objectsLimit,
    response: policyChange,
    subject: ({ body }) => body.file,
    handle: async ({ body }, { policies }: Needs) => {
      const outcome = await policies.apply(body);
      return outcome.ok ? outcome.change : refuse(`apply ${body.file}`, outcome.errors);
    },
  }),
  route({
    method: "POST",
    path: "/v1/policies/validate",
    summary: "Look for errors in policy objects, without applying them",
    changes: false,
    body: policyDocument,
    bodyLimit: objectsLimit,
    response: validation,
    handle: ({ body }, { policies }: Needs) => ({ errors: policies.validate(body) }),
  }),
  route({
    method: "GET",
    path: "/v1/policies/revision",
    summary: "The revision of the policy that is in force",
    response: policyRevision,
    handle: (_, { policies }: Needs) => ({ revision: policies.revision() }),
  }),
  route({
    method: "GET",
    path: "/v1/policies/wait",
    summary: "Wait until a revision is in force; without one, until all that was accepted before is",
    pool: "wait",
    query: z.strictObject({ revision: number.optional() }),
    response: policyRevision,
    handle: async ({ query }, { policies }: Needs, signal) => ({
      revision: await policies.waitRevision(query.revision, signal),
    }),
  }),
  route({
    method: "POST",
    path: "/v1/policies/verify",
    summary: "Compare the kernel's maps with the policy in force",
    changes: false,
    pool: "wait",
    body: verificationRequest,
    response: verification,
    handle: ({ body: { endpoint } }, { verifications }: Needs, signal) =>
      verifications.verify(endpoint ?? null, signal),
  }),
  route({
    method: "POST",
    path: "/v1/evaluate",
    summary: "What becomes of a new connection, and by which rules",
    changes: false,
    body: evaluationRequest,
    bodyLimit: objectsLimit,
    response: evaluation,
    handle: ({ body }, { evaluations }: Needs) => {
      const outcome = evaluations.evaluate(body);
      return outcome.ok
        ? outcome.evaluation
        : refuse(`evaluate ${[body.candidate ?? []].flat()[0]?.file ?? "policy"}`, outcome.errors);
    },
  }),
];
