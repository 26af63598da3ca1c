import { BpfMap, type MapHandle } from "libbpf-ts";
import { decodePrefix, encodePrefix } from "./address.ts";
import type { IpcacheState, IpcacheTable } from "./kernel.ts";
import { filling } from "./map-full-error.ts";
import { ipcacheEntry, type IpcacheEntry, ipcacheKey, type IpcacheKey, IpcachePrefix } from "./layouts.gen.ts";

export function toKey(prefix: string): IpcacheKey {
  const { family, bytes, bits } = encodePrefix(prefix);
  return { prefixlen: IpcachePrefix.IPCACHE_FIXED_BITS + bits, family, address: { bytes } };
}

/** The map `ipcache`. */
export class KernelIpcache implements IpcacheTable {
  readonly #map: BpfMap<IpcacheKey, IpcacheEntry>;

  readonly capacity: number;

  constructor(handle: MapHandle) {
    this.capacity = handle.info.maxEntries;
    this.#map = new BpfMap(handle, ipcacheKey, ipcacheEntry);
  }

  read(): IpcacheState[] {
    return [...this.#map.entries()].map(([key, { identity, addressClass }]) => ({
      prefix: decodePrefix(key.family, key.address.bytes, key.prefixlen - IpcachePrefix.IPCACHE_FIXED_BITS),
      identity,
      addressClass,
    }));
  }

  write(entries: readonly IpcacheState[]): void {
    filling("ipcache", this.capacity, () =>
      this.#map.setMany(
        entries.map(({ prefix, identity, addressClass }) => [toKey(prefix), { identity, addressClass }]),
      ),
    );
  }

  remove(prefixes: readonly string[]): void {
    this.#map.deleteMany(prefixes.map(toKey));
  }
}
