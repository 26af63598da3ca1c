import { setImmediate } from "node:timers/promises";
import { check } from "./errors.ts";
import { readEntries } from "./map-bytes.ts";
import { type MapHandle, MapType } from "./map-handle.ts";
import { native } from "./native/library.ts";

/** Entries that are counted between two rests: about 1 ms. */
const stretch = 4096;

/**
 * How many entries a map has. Lets others work meanwhile, who may change the map: then it is
 * about so many, and never more than the map takes.
 */
export async function countEntries(handle: MapHandle): Promise<number> {
  let total = 0;
  let rested = 0;
  for (const { count } of readEntries(handle, lookupSize(handle))) {
    total += count;
    if (total - rested < stretch) continue;
    rested = total;
    await setImmediate();
  }
  return Math.min(total, handle.info.maxEntries);
}

/** Bytes of a value as a look-up gives it. */
function lookupSize({ info: { type, valueSize } }: MapHandle): number {
  if (type !== MapType.PERCPU_HASH && type !== MapType.LRU_PERCPU_HASH && type !== MapType.PERCPU_ARRAY)
    return valueSize;
  const cpus = check(native().possibleCpus() as number, "libbpf_num_possible_cpus", "this machine");
  return Math.ceil(valueSize / 8) * 8 * cpus;
}
