/** Addresses that the node's devices take nothing from. */
import * as z from "zod";

export const prefilterView = z.object({
  /** Sorted; `ADDRESS/BITS`. */
  prefixes: z.array(z.string()).readonly(),
  /** The devices that drop them, and where: none while the list is empty. */
  devices: z.array(z.object({ name: z.string(), hook: z.enum(["xdp", "tc"]) })).readonly(),
  /** Dropped so far, since the datapath was loaded. */
  packets: z.number(),
  bytes: z.number(),
});
export type PrefilterView = z.infer<typeof prefilterView>;

/** Addresses or ranges. */
export const prefilterRequest = z.object({ prefixes: z.array(z.string().max(64)).min(1).max(262_144) });
export type PrefilterRequest = z.infer<typeof prefilterRequest>;

/** The ranges that were named, as they are written in the list. */
export const prefilterChange = z.object({ prefixes: z.array(z.string()).readonly() });
export type PrefilterChange = z.infer<typeof prefilterChange>;
