import { type Codec, encodeOne } from "./codec.ts";
import { BpfError, check } from "./errors.ts";
import { checkSizes, found, readEntries } from "./map-bytes.ts";
import type { MapHandle } from "./map-handle.ts";
import { native } from "./native/library.ts";

/** A map with one value for each possible CPU, in the order of their numbers. */
export class PerCpuMap<K, V> {
  readonly handle: MapHandle;
  /** How many CPUs this machine may have: so many values has every entry. */
  readonly cpus: number;
  readonly #key: Codec<K>;
  readonly #value: Codec<V>;
  /** Bytes from one CPU's value to the next: the kernel rounds up to 8. */
  readonly #stride: number;

  /** @throws BpfError `wrong-size` when the codecs do not fit the map. */
  constructor(handle: MapHandle, key: Codec<K>, value: Codec<V>) {
    checkSizes(handle, key, value);
    this.handle = handle;
    this.#key = key;
    this.#value = value;
    this.#stride = Math.ceil(value.size / 8) * 8;
    this.cpus = check(native().possibleCpus() as number, "libbpf_num_possible_cpus", "this machine");
  }

  get(key: K): V[] | undefined {
    const values = new Uint8Array(this.#stride * this.cpus);
    const result = native().mapLookup(this.handle.fd, encodeOne(this.#key, key), values) as number;
    return found(result, "bpf_map_lookup_elem", this.handle) ? this.#decode(values, 0) : undefined;
  }

  /** @throws BpfError `wrong-size` when there is not one value for each CPU. */
  set(key: K, values: readonly V[]): void {
    const subject = `map ${this.handle.name}`;
    if (values.length !== this.cpus) {
      throw new BpfError(
        "wrong-size",
        "bpf_map_update_elem",
        `${subject}: ${values.length} values for ${this.cpus} CPUs`,
      );
    }
    const bytes = new Uint8Array(this.#stride * this.cpus);
    const view = new DataView(bytes.buffer);
    for (const [cpu, value] of values.entries()) this.#value.encode(value, view, cpu * this.#stride);
    check(
      native().mapUpdate(this.handle.fd, encodeOne(this.#key, key), bytes, 0) as number,
      "bpf_map_update_elem",
      subject,
    );
  }

  /** @returns whether there was an entry. */
  delete(key: K): boolean {
    const result = native().mapDelete(this.handle.fd, encodeOne(this.#key, key)) as number;
    return found(result, "bpf_map_delete_elem", this.handle);
  }

  /** All entries, as `BpfMap.entries` gives them. */
  *entries(): Generator<[K, V[]]> {
    const size = this.#stride * this.cpus;
    for (const { keys, values, count } of readEntries(this.handle, size)) {
      const view = new DataView(keys.buffer);
      for (let i = 0; i < count; i++)
        yield [this.#key.decode(view, i * this.#key.size), this.#decode(values, i * size)];
    }
  }

  #decode(values: Uint8Array, offset: number): V[] {
    const view = new DataView(values.buffer);
    return Array.from({ length: this.cpus }, (_, cpu) => this.#value.decode(view, offset + cpu * this.#stride));
  }
}
