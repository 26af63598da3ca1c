import type { MapFill } from "#agent/datapath/kernel.ts";
import type { NodeParts } from "./parts.ts";

/** How full the maps are that can be, and the fullest policy slot. Lets others work meanwhile. */
export async function mapFills({ kernel, enforcement }: Pick<NodeParts, "kernel" | "enforcement">): Promise<MapFill[]> {
  const fills = await kernel.fill();
  const slot = enforcement.views.fullestSlot();
  return slot ? [...fills, { ...slot, name: "policy_slot" }] : [...fills];
}
