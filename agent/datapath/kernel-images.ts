import { BpfMap, copyEntries, type MapHandle, MapOfMaps, u32, u64 } from "libbpf-ts";
import type { MapImage, MapImages } from "./kernel.ts";
import { ControlWord } from "./layouts.gen.ts";

/** Reads maps as bytes. Slots are looked up in the outer map, as programs do it. */
export class KernelImages implements MapImages {
  readonly #map: (name: string) => MapHandle;
  readonly #slots: MapOfMaps<number>;
  readonly #control: BpfMap<number, bigint>;

  constructor(map: (name: string) => MapHandle) {
    this.#map = map;
    this.#slots = new MapOfMaps(map("policy"), u32);
    this.#control = new BpfMap(map("control"), u32, u64);
  }

  generation(): bigint {
    return this.#control.get(ControlWord.GENERATION) ?? 0n;
  }

  endpoints(): MapImage {
    return copyEntries(this.#map("endpoints"));
  }

  interfaces(): MapImage {
    return copyEntries(this.#map("interfaces"));
  }

  ipcache(): MapImage {
    return copyEntries(this.#map("ipcache"));
  }

  limits(): MapImage {
    return copyEntries(this.#map("limits"));
  }

  bandwidths(): MapImage {
    return copyEntries(this.#map("bandwidths"));
  }

  slots(): number[] {
    return [...this.#slots.keys()];
  }

  slot(slot: number): MapImage | undefined {
    using inner = this.#slots.get(slot);
    return inner && copyEntries(inner);
  }
}
