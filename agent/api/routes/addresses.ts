import * as z from "zod";
import { addressQuery, addressReasons, addressView, nodeView } from "#agent/api/address-views.ts";
import type { Ports } from "#agent/api/ports.ts";
import { type Route, route } from "#agent/api/route.ts";

type Needs = Pick<Ports, "addresses">;

export const addressRoutes: readonly Route<Needs>[] = [
  route({
    method: "GET",
    path: "/v1/addresses",
    summary: "Every address that the kernel knows, whose it is, and what says so",
    response: z.array(addressView).readonly(),
    handle: (_, { addresses }: Needs) => addresses.list(),
  }),
  route({
    method: "GET",
    path: "/v1/addresses/why",
    summary: "Why an address has the identity that it has, or what would make it known",
    query: addressQuery,
    response: addressReasons,
    handle: ({ query: { address } }, { addresses }: Needs) => addresses.why(address),
  }),
  route({
    method: "GET",
    path: "/v1/nodes",
    summary: "This node, and those that objects speak of",
    response: z.array(nodeView).readonly(),
    handle: (_, { addresses }: Needs) => addresses.nodes(),
  }),
];
