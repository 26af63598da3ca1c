import * as z from "zod";
import {
  bpfAddressQuery,
  bpfBandwidth,
  bpfConnection,
  bpfCounter,
  bpfEndpoint,
  bpfFlush,
  bpfIpcacheEntry,
  bpfLink,
  bpfMapping,
  bpfPolicyEntry,
  type BpfTupleQuery,
  bpfTupleQuery,
} from "#agent/api/bpf-views.ts";
import type { BpfPort, Ports } from "#agent/api/ports.ts";
import { type Route, route } from "#agent/api/route.ts";
import { found } from "./parameters.ts";

type Needs = Pick<Ports, "bpf">;

function listing<T extends z.ZodType>(
  path: string,
  summary: string,
  entry: T,
  read: (bpf: BpfPort) => readonly z.output<T>[] | Promise<readonly z.output<T>[]>,
): Route<Needs> {
  return route({
    method: "GET",
    path: `/v1/bpf/${path}`,
    summary,
    pool: "table",
    response: z.array(entry).readonly(),
    handle: (_, { bpf }: Needs) => read(bpf),
  });
}

/** Decoded maps, as the kernel holds them now. */
export const bpfRoutes: readonly Route<Needs>[] = [
  listing("policy", "Entries of the policy maps, with the endpoints that they judge", bpfPolicyEntry, (bpf) =>
    bpf.policy(),
  ),
  route({
    method: "GET",
    path: "/v1/bpf/conntrack",
    summary: "Connections that are tracked, one a line; all that is given must match",
    query: bpfTupleQuery,
    response: bpfConnection,
    stream: ({ query }, { bpf }: Needs, signal) => bpf.conntrack(query, signal),
  }),
  route({
    method: "DELETE",
    path: "/v1/bpf/conntrack",
    summary: "Forgets connections: what goes on by them is judged as if it began",
    query: bpfTupleQuery,
    response: bpfFlush,
    subject: ({ query }) => tupleText(query),
    handle: ({ query }, { bpf }: Needs) => bpf.flushConntrack(query),
  }),
  route({
    method: "GET",
    path: "/v1/bpf/nat",
    summary: "Masqueraded flows, one a line; all that is given must match",
    query: bpfTupleQuery,
    response: bpfMapping,
    stream: ({ query }, { bpf }: Needs, signal) => bpf.nat(query, signal),
  }),
  route({
    method: "DELETE",
    path: "/v1/bpf/nat",
    summary: "Forgets masqueraded flows: what goes on by them may get another port",
    query: bpfTupleQuery,
    response: bpfFlush,
    subject: ({ query }) => tupleText(query),
    handle: ({ query }, { bpf }: Needs) => bpf.flushNat(query),
  }),
  listing("ipcache", "Identities of addresses", bpfIpcacheEntry, (bpf) => bpf.ipcache()),
  route({
    method: "GET",
    path: "/v1/bpf/ipcache/match",
    summary: "The longest prefix of the ipcache that covers an address",
    query: bpfAddressQuery,
    response: bpfIpcacheEntry,
    handle: ({ query: { address } }, { bpf }: Needs) =>
      found(bpf.ipcacheOf(address), `a prefix of the ipcache that covers ${address}, without which it is the world's`),
  }),
  listing("counters", "Packets by what became of them, and where", bpfCounter, (bpf) => bpf.counters()),
  listing("links", "Programs, where they stand", bpfLink, (bpf) => bpf.links()),
  listing("endpoints", "What the datapath knows of the pods of this node", bpfEndpoint, (bpf) => bpf.endpoints()),
  listing("bandwidth", "Limits of what endpoints send and receive", bpfBandwidth, (bpf) => bpf.bandwidth()),
];

function tupleText(query: BpfTupleQuery): string {
  const parts = Object.entries(query).filter(([, value]) => value !== undefined);
  return parts.length === 0 ? "all" : parts.map(([name, value]) => `${name} ${value}`).join(", ");
}
