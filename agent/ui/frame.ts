/** What the page is told a few times a second, however many flows there are. */
import * as z from "zod";
import { flow } from "#agent/api/flow.ts";

/** An end on the map. */
export const mapParty = z.object({
  /** `shop/client`, `world` */
  id: z.string(),
  /** Null: it is no workload. */
  namespace: z.string().nullable(),
  name: z.string(),
});
export type MapParty = z.infer<typeof mapParty>;

/** `audited`: it passed because nothing is enforced. */
export const outcome = z.enum(["allowed", "denied", "audited"]);
export type Outcome = z.infer<typeof outcome>;

/** Flows from one end to another with one outcome, since the stream began. */
export const mapEdge = z.object({
  from: z.string(),
  to: z.string(),
  outcome,
  flows: z.int(),
  /** `TCP 80`: the first few. */
  services: z.array(z.string()).readonly(),
});
export type MapEdge = z.infer<typeof mapEdge>;

export const liveFrame = z.object({
  node: z.string(),
  /** Those that are new. */
  parties: z.array(mapParty).readonly(),
  /** Those that have changed. */
  edges: z.array(mapEdge).readonly(),
  /** The newest for the table, oldest first. */
  flows: z.array(flow).readonly(),
  /** Flows for the table that came since the frame before, those that are not listed included. */
  matched: z.int(),
  /** Flows that nobody has looked at since the stream began: there were too many. */
  lost: z.int(),
});
export type LiveFrame = z.infer<typeof liveFrame>;
