import type { Codec } from "./codec.ts";
import { BpfError, check } from "./errors.ts";
import { type MapHandle, MapType } from "./map-handle.ts";
import { callAsync, native } from "./native/library.ts";
import { Struct } from "./native/struct.ts";

/** How many entries go through one call. */
export const batchSize = 4096;
/** Calls in a row that may bring nothing because entries vanish under the walk. */
const patience = 16;

/** Entries as bytes: `count` keys and values, one after the other, valid until the next step. */
export interface EntryBytes {
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
  readonly count: number;
}

/** @throws BpfError `wrong-size` when codecs do not fit a map: koffi would write past the buffer. */
export function checkSizes(handle: MapHandle, key: Codec<unknown>, value: Codec<unknown>): void {
  const { keySize, valueSize } = handle.info;
  if (keySize === key.size && valueSize === value.size) return;
  const message = `${handle.name} has keys of ${keySize} and values of ${valueSize} bytes, the codecs ${key.size} and ${value.size}`;
  throw new BpfError("wrong-size", "open map", message);
}

/** False for ENOENT; throws for anything else that failed. */
export function found(result: number, call: string, handle: MapHandle): boolean {
  if (result >= 0) return true;
  const error = BpfError.fromErrno(result, call, `map ${handle.name}`);
  if (error.code === "not-found") return false;
  throw error;
}

/** Has this kernel no batches for this kind of map? Before Linux 5.6 it has none at all, and says EINVAL. */
export function lacksBatches(error: BpfError): boolean {
  return error.code === "unsupported" || error.code === "invalid";
}

/** A map's values as a look-up gives them. */
export interface LookupShape {
  /** Bytes from one CPU's value to the next: the kernel rounds up to 8; without CPUs those of the value. */
  readonly stride: number;
  /** CPUs that this machine may have, each with a value of its own; null: the map is not per CPU. */
  readonly cpus: number | null;
  /** Bytes of all together. */
  readonly size: number;
}

export function lookupShape({ info: { type, valueSize } }: MapHandle): LookupShape {
  if (type !== MapType.PERCPU_HASH && type !== MapType.LRU_PERCPU_HASH && type !== MapType.PERCPU_ARRAY)
    return { stride: valueSize, cpus: null, size: valueSize };
  const cpus = check(native().possibleCpus() as number, "libbpf_num_possible_cpus", "this machine");
  const stride = Math.ceil(valueSize / 8) * 8;
  return { stride, cpus, size: stride * cpus };
}

/**
 * All entries of a map, in batches where the kernel has them, else one by one. Entries
 * may be deleted during the walk, also by whoever walks.
 *
 * @param valueSize bytes of a value as a look-up gives it: of a per-CPU map those of all CPUs.
 */
export function* readEntries(handle: MapHandle, valueSize: number): Generator<EntryBytes> {
  const { keySize, maxEntries } = handle.info;
  let capacity = Math.min(batchSize, Math.max(maxEntries, 16));
  let keys = new Uint8Array(keySize * capacity);
  let values = new Uint8Array(valueSize * capacity);
  let token: Uint8Array | null = null;
  const next = new Uint8Array(Math.max(keySize, 4));
  let fruitless = 0;

  for (let seen = 0; seen <= 2 * maxEntries;) {
    const size = new Struct(4).u32(0, capacity);
    const result = native().mapLookupBatch(handle.fd, token, next, keys, values, size.bytes, null) as number;
    const count = size.view.getUint32(0, true);
    const error = result < 0 ? BpfError.fromErrno(result, "bpf_map_lookup_batch", `map ${handle.name}`) : null;
    if (error?.errno === "ENOSPC") {
      // One bucket of a hash has more entries than there is room.
      capacity *= 2;
      keys = new Uint8Array(keySize * capacity);
      values = new Uint8Array(valueSize * capacity);
      continue;
    }
    if (error && token === null && lacksBatches(error)) {
      yield* readOneByOne(handle, valueSize);
      return;
    }
    // EINTR: entries vanished under the walk; those that came are right.
    if (error && error.code !== "not-found" && (error.errno !== "EINTR" || ++fruitless > patience)) throw error;
    if (count > 0) {
      yield { keys, values, count };
      token = next.slice();
      fruitless = 0;
    }
    if (error?.code === "not-found") return;
    seen += count;
  }
}

/** All entries of a map as bytes that stay as they are. */
export function copyEntries(handle: MapHandle): EntryBytes {
  const { keySize, valueSize } = handle.info;
  const keys: Uint8Array[] = [];
  const values: Uint8Array[] = [];
  let total = 0;
  for (const { keys: someKeys, values: someValues, count } of readEntries(handle, valueSize)) {
    keys.push(someKeys.slice(0, count * keySize));
    values.push(someValues.slice(0, count * valueSize));
    total += count;
  }
  return { keys: joinBytes(keys), values: joinBytes(values), count: total };
}

function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function* readOneByOne(handle: MapHandle, valueSize: number): Generator<EntryBytes> {
  const value = new Uint8Array(valueSize);
  for (const key of readKeys(handle)) {
    // Gone since: nothing to tell.
    if ((native().mapLookup(handle.fd, key, value) as number) >= 0) yield { keys: key, values: value, count: 1 };
  }
}

/**
 * Keys as bytes, each valid until the next step. The next one is looked up before this one
 * is given, so that it may be deleted; the kernel begins anew when somebody else deletes
 * the key that the walk stands at, so the walk is bounded by twice the map's capacity.
 */
export function* readKeys(handle: MapHandle): Generator<Uint8Array> {
  const { keySize, maxEntries } = handle.info;
  const step = (from: Uint8Array | null): Uint8Array | undefined => {
    const next = new Uint8Array(keySize);
    const result = native().mapNextKey(handle.fd, from, next) as number;
    return found(result, "bpf_map_get_next_key", handle) ? next : undefined;
  };
  let key = step(null);
  for (let seen = 0; key !== undefined && seen < 2 * maxEntries; seen++) {
    const next = step(key);
    yield key;
    key = next;
  }
}

/** Writes entries, in one call where that is possible. */
export function writeEntries(handle: MapHandle, entries: EntryBytes): void {
  const done = new Struct(4).u32(0, entries.count);
  const { keys, values } = entries;
  const result =
    entries.count > 1 ? (native().mapUpdateBatch(handle.fd, keys, values, done.bytes, null) as number) : null;
  if (!wasWritten(handle, entries, result, done)) writeOneByOne(handle, entries);
}

/** As {@link writeEntries}, on a worker thread where it is one call. */
export async function writeEntriesAsync(handle: MapHandle, entries: EntryBytes): Promise<void> {
  const done = new Struct(4).u32(0, entries.count);
  const { keys, values } = entries;
  const result = await callAsync("mapUpdateBatch", handle.fd, keys, values, done.bytes, null);
  if (!wasWritten(handle, entries, result, done)) writeOneByOne(handle, entries);
}

/** Did a batch write all? False when there are no batches, or none was tried. */
function wasWritten(handle: MapHandle, { count }: EntryBytes, result: number | null, done: Struct): boolean {
  if (result === null || result >= 0) return result !== null;
  const subject = `map ${handle.name}, ${done.view.getUint32(0, true)} of ${count} entries set`;
  const error = BpfError.fromErrno(result, "bpf_map_update_batch", subject);
  if (lacksBatches(error)) return false;
  throw error;
}

function writeOneByOne(handle: MapHandle, { keys, values, count }: EntryBytes): void {
  const { keySize } = handle.info;
  const valueSize = values.length / count;
  for (let i = 0; i < count; i++) {
    const key = keys.subarray(i * keySize, (i + 1) * keySize);
    const value = values.subarray(i * valueSize, (i + 1) * valueSize);
    const subject = `map ${handle.name}, ${i} of ${count} entries set`;
    check(native().mapUpdate(handle.fd, key, value, 0) as number, "bpf_map_update_elem", subject);
  }
}

/** Deletes keys; those that are not there are passed over. */
export function deleteKeys(handle: MapHandle, keys: Uint8Array): void {
  const { keySize } = handle.info;
  const total = keys.length / keySize;
  for (let from = 0; from < total;) {
    const size = new Struct(4).u32(0, total - from);
    const result = native().mapDeleteBatch(handle.fd, keys.subarray(from * keySize), size.bytes, null) as number;
    if (result >= 0) return;
    const error = BpfError.fromErrno(result, "bpf_map_delete_batch", `map ${handle.name}`);
    if (error.code === "not-found") {
      // It stopped at a key that is not there.
      from += size.view.getUint32(0, true) + 1;
    } else if (lacksBatches(error)) {
      for (; from < total; from++) {
        const key = keys.subarray(from * keySize, (from + 1) * keySize);
        found(native().mapDelete(handle.fd, key) as number, "bpf_map_delete_elem", handle);
      }
    } else {
      throw error;
    }
  }
}
