import { setImmediate } from "node:timers/promises";
import { BpfMap, type MapHandle } from "libbpf-ts";
import type { FragmentTable } from "./kernel.ts";
import { fragmentKey, type FragmentKey, fragmentStart, type FragmentStart } from "./layouts.gen.ts";

/** ns: nobody waits longer for the rest of a datagram (RFC 8200 section 4.5). */
const reassembly = 60_000_000_000n;

/** Entries that are looked at between two rests. */
const stretch = 2048;

/** The map `fragments`. */
export class KernelFragments implements FragmentTable {
  readonly #map: BpfMap<FragmentKey, FragmentStart>;

  constructor(handle: MapHandle) {
    this.#map = new BpfMap(handle, fragmentKey, fragmentStart);
  }

  async sweep(now: bigint): Promise<number> {
    let seen = 0;
    let removed = 0;
    for (const [key, start] of this.#map.entries()) {
      if (++seen % stretch === 0) await setImmediate();
      if (start.seen + reassembly < now && this.#map.delete(key)) removed++;
    }
    return removed;
  }
}
