import { type Codec, encodeMany, encodeOne } from "./codec.ts";
import { BpfError, check } from "./errors.ts";
import {
  batchSize,
  checkSizes,
  deleteKeys,
  found,
  type EntryBytes,
  readEntries,
  writeEntries,
  writeEntriesAsync,
} from "./map-bytes.ts";
import type { MapHandle } from "./map-handle.ts";
import { native } from "./native/library.ts";

/** Flags of an update: create or replace, only create, only replace. */
export const UpdateFlag = { ANY: 0, NOEXIST: 1, EXIST: 2 } as const;
export type UpdateFlag = (typeof UpdateFlag)[keyof typeof UpdateFlag];

/**
 * A map with typed keys and values: hash, array, LRU, LPM trie. The handle stays the
 * caller's; several typed maps may stand over one.
 */
export class BpfMap<K, V> {
  readonly handle: MapHandle;
  readonly #key: Codec<K>;
  readonly #value: Codec<V>;

  /** @throws BpfError `wrong-size` when the codecs do not fit the map: koffi would write past the buffer. */
  constructor(handle: MapHandle, key: Codec<K>, value: Codec<V>) {
    checkSizes(handle, key, value);
    this.handle = handle;
    this.#key = key;
    this.#value = value;
  }

  get(key: K): V | undefined {
    const value = new Uint8Array(this.#value.size);
    const result = native().mapLookup(this.handle.fd, encodeOne(this.#key, key), value) as number;
    if (!found(result, "bpf_map_lookup_elem", this.handle)) return undefined;
    return this.#value.decode(new DataView(value.buffer), 0);
  }

  /**
   * The value's bytes under a key's bytes, written to where the caller wants them: for look-ups that are made so often that what
   * {@link get} makes anew each time counts.
   *
   * @returns whether there is an entry.
   * @throws BpfError `wrong-size`: koffi would read and write past the buffers.
   */
  read(key: Uint8Array, value: Uint8Array): boolean {
    if (key.length !== this.#key.size || value.length !== this.#value.size) {
      const message = `${this.handle.name}: a key of ${key.length} and a value of ${value.length} bytes are not of its sizes`;
      throw new BpfError("wrong-size", "read map", message);
    }
    const result = native().mapLookup(this.handle.fd, key, value) as number;
    return found(result, "bpf_map_lookup_elem", this.handle);
  }

  set(key: K, value: V, flag: UpdateFlag = UpdateFlag.ANY): void {
    const result = native().mapUpdate(
      this.handle.fd,
      encodeOne(this.#key, key),
      encodeOne(this.#value, value),
      flag,
    ) as number;
    check(result, "bpf_map_update_elem", `map ${this.handle.name}`);
  }

  /** @returns whether there was an entry. */
  delete(key: K): boolean {
    const result = native().mapDelete(this.handle.fd, encodeOne(this.#key, key)) as number;
    return found(result, "bpf_map_delete_elem", this.handle);
  }

  /**
   * In order, in batches where the kernel has them (LPM tries: since Linux 5.13), else one
   * by one. When it throws, the entries before the failing one are set.
   */
  setMany(entries: readonly (readonly [K, V])[]): void {
    for (let from = 0; from < entries.length; from += batchSize) {
      writeEntries(this.handle, this.#encode(entries.slice(from, from + batchSize)));
    }
  }

  /** As {@link setMany}, on a worker thread: for so many entries that the event loop should not wait for them. */
  async setManyAsync(entries: readonly (readonly [K, V])[]): Promise<void> {
    for (let from = 0; from < entries.length; from += batchSize) {
      await writeEntriesAsync(this.handle, this.#encode(entries.slice(from, from + batchSize)));
    }
  }

  /** In batches, as {@link setMany}; keys that are not there are passed over. */
  deleteMany(keys: readonly K[]): void {
    for (let from = 0; from < keys.length; from += batchSize) {
      deleteKeys(this.handle, encodeMany(this.#key, keys.slice(from, from + batchSize)));
    }
  }

  /**
   * All entries. Each may be deleted when it comes by. While others change the map, an
   * entry may come twice or not at all.
   */
  *entries(): Generator<[K, V]> {
    for (const { keys, values, count } of readEntries(this.handle, this.#value.size)) {
      const keyView = new DataView(keys.buffer);
      const valueView = new DataView(values.buffer);
      for (let i = 0; i < count; i++) {
        yield [this.#key.decode(keyView, i * this.#key.size), this.#value.decode(valueView, i * this.#value.size)];
      }
    }
  }

  #encode(entries: readonly (readonly [K, V])[]): EntryBytes {
    const keys = entries.map(([key]) => key);
    const values = entries.map(([, value]) => value);
    return { keys: encodeMany(this.#key, keys), values: encodeMany(this.#value, values), count: entries.length };
  }
}
