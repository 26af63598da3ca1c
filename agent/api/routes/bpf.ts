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
  entry: T,
  read: (bpf: BpfPort) => readonly z.output<T>[] | Promise<readonly z.output<T>[]>,
): Route<Needs> {
  return route({
    method: "GET",
    path: `/v1/bpf/${path}`,
    response: z.array(entry).readonly(),
    handle: (_, { bpf }: Needs) => read(bpf),
  });
}

/** Decoded maps, as the kernel holds them now. */
export const bpfRoutes: readonly Route<Needs>[] = [
  listing("policy", bpfPolicyEntry, (bpf) => bpf.policy()),
  listing("conntrack", bpfConnection, (bpf) => bpf.conntrack()),
  listing("nat", bpfMapping, (bpf) => bpf.nat()),
  listing("ipcache", bpfIpcacheEntry, (bpf) => bpf.ipcache()),
  listing("counters", bpfCounter, (bpf) => bpf.counters()),
  listing("links", bpfLink, (bpf) => bpf.links()),
  listing("endpoints", bpfEndpoint, (bpf) => bpf.endpoints()),
  listing("bandwidth", bpfBandwidth, (bpf) => bpf.bandwidth()),
];
