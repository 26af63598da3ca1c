import { type Codec, encodeMany, encodeOne, u32 } from "./codec.ts";
import { BpfError, check } from "./errors.ts";
import { BpfMap, UpdateFlag } from "./map.ts";
import { MapHandle } from "./map-handle.ts";
import { callAsync } from "./native/library.ts";
import { Struct } from "./native/struct.ts";

/** A hash of maps. A look-up gives the inner map's number, an update takes its descriptor. */
export class MapOfMaps<K> {
  readonly handle: MapHandle;
  readonly #key: Codec<K>;
  readonly #ids: BpfMap<K, number>;

  constructor(handle: MapHandle, key: Codec<K>) {
    this.handle = handle;
    this.#key = key;
    this.#ids = new BpfMap(handle, key, u32);
  }

  /** Opens the inner map; the caller closes it. */
  get(key: K, name?: string): MapHandle | undefined {
    const id = this.#ids.get(key);
    return id === undefined ? undefined : MapHandle.openById(id, name);
  }

  *keys(): Generator<K> {
    for (const [key] of this.#ids.entries()) yield key;
  }

  /**
   * Puts inner maps in, on a worker thread, because the kernel waits for an RCU grace
   * period: when it resolves, no program runs that began before the call. Kernels with
   * batches of such maps wait once, others once for each.
   */
  async setMany(entries: readonly (readonly [K, MapHandle])[]): Promise<void> {
    const subject = `map ${this.handle.name}`;
    const keys = encodeMany(
      this.#key,
      entries.map(([key]) => key),
    );
    const values = encodeMany(
      u32,
      entries.map(([, inner]) => inner.fd),
    );
    if (entries.length > 1) {
      const count = new Struct(4).u32(0, entries.length).bytes;
      const result = await callAsync("mapUpdateBatch", this.handle.fd, keys, values, count, null);
      if (result >= 0) return;
      const error = BpfError.fromErrno(result, "bpf_map_update_batch", subject);
      if (error.code !== "unsupported") throw error;
    }
    for (let i = 0; i < entries.length; i++) {
      const key = keys.subarray(i * this.#key.size, (i + 1) * this.#key.size);
      const value = values.subarray(i * 4, (i + 1) * 4);
      check(await callAsync("mapUpdate", this.handle.fd, key, value, UpdateFlag.ANY), "bpf_map_update_elem", subject);
    }
  }

  /** As {@link setMany}; keys that are not there are passed over. */
  async deleteMany(keys: readonly K[]): Promise<void> {
    const subject = `map ${this.handle.name}`;
    if (keys.length > 1) {
      const count = new Struct(4).u32(0, keys.length).bytes;
      const result = await callAsync("mapDeleteBatch", this.handle.fd, encodeMany(this.#key, keys), count, null);
      if (result >= 0) return;
      const error = BpfError.fromErrno(result, "bpf_map_delete_batch", subject);
      if (error.code !== "unsupported" && error.code !== "not-found") throw error;
    }
    for (const key of keys) {
      const result = await callAsync("mapDelete", this.handle.fd, encodeOne(this.#key, key));
      if (result >= 0) continue;
      const error = BpfError.fromErrno(result, "bpf_map_delete_elem", subject);
      if (error.code !== "not-found") throw error;
    }
  }
}
