import * as z from "zod";
import {
  bpfBandwidth,
  bpfConnection,
  bpfCounter,
  bpfEndpoint,
  bpfIpcacheEntry,
  bpfLink,
  bpfMapping,
  bpfPolicyEntry,
} from "#agent/api/bpf-views.ts";
import type { BpfPort, Ports } from "#agent/api/ports.ts";
import { type Route, route } from "#agent/api/route.ts";

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
    response: z.array(entry).readonly(),
    handle: (_, { bpf }: Needs) => read(bpf),
  });
}

/** Decoded maps, as the kernel holds them now. */
export const bpfRoutes: readonly Route<Needs>[] = [
  listing("policy", "Entries of the policy maps, with the endpoints that they judge", bpfPolicyEntry, (bpf) =>
    bpf.policy(),
  ),
  listing("conntrack", "Connections that are tracked", bpfConnection, (bpf) => bpf.conntrack()),
  listing("nat", "Masqueraded flows", bpfMapping, (bpf) => bpf.nat()),
  listing("ipcache", "Identities of addresses", bpfIpcacheEntry, (bpf) => bpf.ipcache()),
  listing("counters", "Packets by what became of them, and where", bpfCounter, (bpf) => bpf.counters()),
  listing("links", "Programs, where they stand", bpfLink, (bpf) => bpf.links()),
  listing("endpoints", "What the datapath knows of the pods of this node", bpfEndpoint, (bpf) => bpf.endpoints()),
  listing("bandwidth", "Limits of what endpoints send and receive", bpfBandwidth, (bpf) => bpf.bandwidth()),
];
