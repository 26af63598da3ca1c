import type { Evaluation } from "#agent/api/policy-views.ts";
import type { TraceRequest } from "#agent/api/trace-views.ts";
import type { Kernel } from "#agent/datapath/kernel.ts";
import type { FlowContext } from "#agent/flows/context.ts";

/** A device of the node. */
export interface Device {
  readonly ifindex: number;
  readonly name: string;
  /** Null: it has no Ethernet header. */
  readonly mac: string | null;
}

/** What the node's stack would do with a packet that is for nobody here. */
export type Route =
  | { readonly device: Device; readonly says: string }
  | { readonly device: null; readonly says: string };

/** What a trace needs of the node. */
export interface TraceWorld {
  readonly kernel: Kernel;
  readonly flows: FlowContext;
  /** The addresses of both ends, of one family. @throws ApiError `not-found`, `bad-request`. */
  addresses(request: TraceRequest): { readonly source: string; readonly destination: string };
  /** What policy says, from the objects alone. */
  evaluate(request: TraceRequest & { readonly source: string; readonly destination: string }): Evaluation;
  /** Whether packets to the address are for the node itself. */
  isOwn(address: string): boolean;
  device(ifindex: number): Device | null;
  /** @param from where the packet came in; null: the node itself sends it. */
  route(destination: string, from: { readonly source: string; readonly ifindex: number } | null): Route;
}
