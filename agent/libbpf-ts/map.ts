import { type Codec, encodeMany, encodeOne } from "./codec.ts";
import { BpfError, check } from "./errors.ts";
import type { MapHandle } from "./map-handle.ts";
import { native } from "./native/library.ts";
import { Struct } from "./native/struct.ts";

/** Flags of an update: create or replace, only create, only replace. */
export const UpdateFlag = { ANY: 0, NOEXIST: 1, EXIST: 2 } as const;
export type UpdateFlag = (typeof UpdateFlag)[keyof typeof UpdateFlag];

const batchSize = 4096;

/**
 * A map with typed keys and values. The handle stays the caller's; several typed maps
 * may stand over one.
 */
export class BpfMap<K, V> {
  readonly handle: MapHandle;
  readonly #key: Codec<K>;
  readonly #value: Codec<V>;
  #batches = true;

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

  /** In batches where the kernel has them (LPM tries: since Linux 5.16), else one by one. */
  setMany(entries: readonly (readonly [K, V])[]): void {
    let from = 0;
    while (this.#batches && entries.length - from > 1) {
      const part = entries.slice(from, from + batchSize);
      const keys = encodeMany(
        this.#key,
        part.map(([key]) => key),
      );
      const values = encodeMany(
        this.#value,
        part.map(([, value]) => value),
      );
      const count = new Struct(4).u32(0, part.length).bytes;
      const result = native().mapUpdateBatch(this.handle.fd, keys, values, count, null) as number;
      if (result < 0) {
        const error = BpfError.fromErrno(result, "bpf_map_update_batch", `map ${this.handle.name}`);
        if (error.code !== "unsupported") throw error;
        this.#batches = false;
      } else {
        from += part.length;
      }
    }
    for (const [key, value] of entries.slice(from)) this.set(key, value);
  }

  deleteMany(keys: readonly K[]): void {
    for (const key of keys) this.delete(key);
  }

  /**
   * All entries. A map that changes meanwhile may give an entry twice or begin anew when
   * the entry it stands at is deleted; the walk is bounded by twice the map's capacity.
   */
  *entries(): Generator<[K, V]> {
    const value = new Uint8Array(this.#value.size);
    for (const key of walkKeys(this.handle)) {
      // Gone since: nothing to tell.
      if ((native().mapLookup(this.handle.fd, key, value) as number) < 0) continue;
      yield [this.#key.decode(new DataView(key.buffer), 0), this.#value.decode(new DataView(value.buffer), 0)];
    }
  }
}

/** A map with one value for each possible CPU. */
export class PerCpuMap<K, V> {
  readonly handle: MapHandle;
  readonly #key: Codec<K>;
  readonly #value: Codec<V>;
  readonly #stride: number;
  readonly #cpus: number;

  constructor(handle: MapHandle, key: Codec<K>, value: Codec<V>) {
    checkSizes(handle, key, value);
    this.handle = handle;
    this.#key = key;
    this.#value = value;
    this.#stride = Math.ceil(value.size / 8) * 8;
    this.#cpus = check(native().possibleCpus() as number, "libbpf_num_possible_cpus", "this machine");
  }

  get(key: K): V[] | undefined {
    return this.#read(encodeOne(this.#key, key));
  }

  *entries(): Generator<[K, V[]]> {
    for (const key of walkKeys(this.handle)) {
      const values = this.#read(key);
      if (values) yield [this.#key.decode(new DataView(key.buffer), 0), values];
    }
  }

  #read(key: Uint8Array): V[] | undefined {
    const values = new Uint8Array(this.#stride * this.#cpus);
    const result = native().mapLookup(this.handle.fd, key, values) as number;
    if (!found(result, "bpf_map_lookup_elem", this.handle)) return undefined;
    const view = new DataView(values.buffer);
    return Array.from({ length: this.#cpus }, (_, cpu) => this.#value.decode(view, cpu * this.#stride));
  }
}

function checkSizes(handle: MapHandle, key: Codec<unknown>, value: Codec<unknown>): void {
  const { keySize, valueSize } = handle.info;
  if (keySize === key.size && valueSize === value.size) return;
  const message = `${handle.name} has keys of ${keySize} and values of ${valueSize} bytes, the codecs ${key.size} and ${value.size}`;
  throw new BpfError("wrong-size", "open map", message);
}

/** False for ENOENT; throws for anything else that failed. */
function found(result: number, call: string, handle: MapHandle): boolean {
  if (result >= 0) return true;
  const error = BpfError.fromErrno(result, call, `map ${handle.name}`);
  if (error.code === "not-found") return false;
  throw error;
}

/** Keys as bytes; each is valid until the next step. */
function* walkKeys(handle: MapHandle): Generator<Uint8Array> {
  let key = new Uint8Array(handle.info.keySize);
  let next = new Uint8Array(handle.info.keySize);
  for (let seen = 0; seen < handle.info.maxEntries * 2; seen++) {
    const result = native().mapNextKey(handle.fd, seen === 0 ? null : key, next) as number;
    if (!found(result, "bpf_map_get_next_key", handle)) return;
    [key, next] = [next, key];
    yield key;
  }
}
