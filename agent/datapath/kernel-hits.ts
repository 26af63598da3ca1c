import { type MapHandle, PerCpuMap, u32 } from "libbpf-ts";
import type { HitTable } from "./kernel.ts";
import { type CounterValue, counterValue } from "./layouts.gen.ts";

/** The map `rule_hits`. */
export class KernelHits implements HitTable {
  readonly #map: PerCpuMap<number, CounterValue>;

  constructor(handle: MapHandle) {
    this.#map = new PerCpuMap(handle, u32, counterValue);
  }

  read(): Map<number, CounterValue> {
    return new Map([...this.#map.entries()].map(([reference, values]) => [reference, sum(values)]));
  }

  retain(inUse: ReadonlySet<number>): void {
    // Of a copy: removing entries while they are walked leaves some out.
    const all = [...this.#map.entries()];
    for (const [reference] of all) if (!inUse.has(reference)) this.#map.delete(reference);
  }
}

/** Of all CPUs. */
export function sum(values: readonly CounterValue[]): CounterValue {
  return {
    packets: values.reduce((all, { packets }) => all + packets, 0n),
    bytes: values.reduce((all, { bytes }) => all + bytes, 0n),
  };
}
