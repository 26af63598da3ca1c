import { BpfMap, type MapHandle, u32 } from "libbpf-ts";
import { decodePrefix } from "./address.ts";
import { toKey } from "./kernel-ipcache.ts";
import type { PrefilterTable } from "./kernel.ts";
import { filling } from "./map-full-error.ts";
import { ipcacheKey, type IpcacheKey, IpcachePrefix } from "./layouts.gen.ts";

/** The map `prefilter`. */
export class KernelPrefilter implements PrefilterTable {
  readonly capacity: number;
  readonly #map: BpfMap<IpcacheKey, number>;

  constructor(handle: MapHandle) {
    this.capacity = handle.info.maxEntries;
    this.#map = new BpfMap(handle, ipcacheKey, u32);
  }

  read(): string[] {
    return [...this.#map.entries()].map(([key]) =>
      decodePrefix(key.family, key.address.bytes, key.prefixlen - IpcachePrefix.IPCACHE_FIXED_BITS),
    );
  }

  add(prefixes: readonly string[]): void {
    filling("prefilter", this.capacity, () => this.#map.setMany(prefixes.map((prefix) => [toKey(prefix), 1])));
  }

  remove(prefixes: readonly string[]): void {
    this.#map.deleteMany(prefixes.map(toKey));
  }
}
