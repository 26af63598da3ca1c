import * as z from "zod";
import {
  activation,
  activationRequest,
  attachment,
  attachmentRequest,
  attachmentStatus,
  checkReport,
  checkRequest,
  release,
  releaseQuery,
} from "#agent/api/attachment.ts";
import type { Ports } from "#agent/api/ports.ts";
import { type Route, route } from "#agent/api/route.ts";
import { idParams } from "./parameters.ts";

type Needs = Pick<Ports, "attachments">;

/** What the CNI binary asks; the shapes are told in `attachment.ts`. */
export const attachmentRoutes: readonly Route<Needs>[] = [
  route({
    method: "POST",
    path: "/v1/attachments",
    body: attachmentRequest,
    response: attachment,
    status: 201,
    handle: ({ body }, { attachments }: Needs, signal) => attachments.create(body, signal),
  }),
  route({
    method: "POST",
    path: "/v1/attachments/:id/activate",
    params: idParams,
    body: activationRequest,
    response: activation,
    handle: ({ params, body }, { attachments }: Needs, signal) => attachments.activate(params.id, body, signal),
  }),
  route({
    method: "DELETE",
    path: "/v1/attachments",
    query: z.strictObject(releaseQuery.shape),
    response: release,
    handle: ({ query }, { attachments }: Needs, signal) => attachments.release(query, signal),
  }),
  route({
    method: "POST",
    path: "/v1/attachments/check",
    body: checkRequest,
    response: checkReport,
    handle: ({ body }, { attachments }: Needs, signal) => attachments.check(body, signal),
  }),
  route({
    method: "GET",
    path: "/v1/attachments/status",
    response: attachmentStatus,
    handle: (_, { attachments }: Needs) => attachments.status(),
  }),
];
