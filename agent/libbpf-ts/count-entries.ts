import { setImmediate } from "node:timers/promises";
import { lookupShape, readEntries } from "./map-bytes.ts";
import type { MapHandle } from "./map-handle.ts";

/** Entries that are counted between two rests: about 1 ms. */
const stretch = 4096;

/**
 * How many entries a map has. Lets others work meanwhile, who may change the map: then it is
 * about so many, and never more than the map takes.
 */
export async function countEntries(handle: MapHandle): Promise<number> {
  let total = 0;
  let rested = 0;
  for (const { count } of readEntries(handle, lookupShape(handle).size)) {
    total += count;
    if (total - rested < stretch) continue;
    rested = total;
    await setImmediate();
  }
  return Math.min(total, handle.info.maxEntries);
}
