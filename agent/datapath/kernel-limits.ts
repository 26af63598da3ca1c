import { BpfMap, type MapHandle, u32 } from "libbpf-ts";
import type { LimitBounds, LimitTable } from "./kernel.ts";
import { filling } from "./map-full-error.ts";
import { type Limit, limit, limitCounts } from "./layouts.gen.ts";

const noneYet = { bytes: new Uint8Array(limitCounts.size) };

/** The map `limits`. Counts that programs change meanwhile may be off by what they changed, until the next recount. */
export class KernelLimits implements LimitTable {
  readonly #map: BpfMap<number, Limit>;
  /** What was written last, so that the same is not written again for each of many entries. */
  readonly #written = new Map<number, LimitBounds>();

  constructor(handle: MapHandle) {
    this.#map = new BpfMap(handle, u32, limit);
  }

  write(reference: number, bounds: LimitBounds): void {
    const written = this.#written.get(reference);
    if (written?.rate === bounds.rate && written.connections === bounds.connections) return;
    const now = this.#map.get(reference);
    filling("limits", this.#map.handle.info.maxEntries, () =>
      this.#map.set(reference, { open: 0, slot: 0n, counts: noneYet, ...now, ...bounds }),
    );
    this.#written.set(reference, bounds);
  }

  recount(open: ReadonlyMap<number, number>): void {
    for (const [reference, now] of this.#map.entries()) {
      const count = open.get(reference) ?? 0;
      if (now.open !== count) this.#map.set(reference, { ...now, open: count });
    }
  }

  retain(inUse: ReadonlySet<number>): void {
    // Of a copy: removing entries while they are walked leaves some out.
    const all = [...this.#map.entries()];
    for (const [reference] of all) {
      if (inUse.has(reference)) continue;
      this.#map.delete(reference);
      this.#written.delete(reference);
    }
  }

  read(): Map<number, LimitBounds & { readonly open: number }> {
    return new Map(this.#map.entries());
  }
}
