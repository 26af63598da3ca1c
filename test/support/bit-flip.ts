import { BpfMap, bytes, type MapHandle, MapOfMaps, u32 } from "libbpf-ts";

/** An entry of a map, as bytes. */
export interface RawEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** A map of which single bits can be turned, past everything that writes it. */
export class FlippableMap implements Disposable {
  readonly #handle: MapHandle;
  readonly #map: BpfMap<Uint8Array, Uint8Array>;

  constructor(handle: MapHandle) {
    this.#handle = handle;
    this.#map = new BpfMap(handle, bytes(handle.info.keySize), bytes(handle.info.valueSize));
  }

  /** The inner map of a policy slot. */
  static ofSlot(outer: MapHandle, slot: number): FlippableMap {
    const inner = new MapOfMaps(outer, u32).get(slot);
    if (!inner) throw new Error(`open slot ${slot}: there is none`);
    return new FlippableMap(inner);
  }

  entries(): RawEntry[] {
    return [...this.#map.entries()].map(([key, value]) => ({ key, value }));
  }

  /** Turns a bit of a value; gives what turns it back. */
  flipValue({ key, value }: RawEntry, byte: number, bit = 0): () => void {
    this.#map.set(key, flipped(value, byte, bit));
    return () => this.#map.set(key, value);
  }

  /** Turns a bit of a key; gives what turns it back. */
  flipKey({ key, value }: RawEntry, byte: number, bit = 0): () => void {
    const other = flipped(key, byte, bit);
    this.#map.delete(key);
    this.#map.set(other, value);
    return () => {
      this.#map.delete(other);
      this.#map.set(key, value);
    };
  }

  /** Writes a value; gives what writes the one before. */
  replace({ key, value }: RawEntry, other: Uint8Array): () => void {
    this.#map.set(key, other);
    return () => this.#map.set(key, value);
  }

  remove({ key, value }: RawEntry): () => void {
    this.#map.delete(key);
    return () => this.#map.set(key, value);
  }

  [Symbol.dispose](): void {
    this.#handle[Symbol.dispose]();
  }
}

function flipped(before: Uint8Array, byte: number, bit: number): Uint8Array {
  const after = before.slice();
  after[byte] = (after[byte] as number) ^ (1 << bit);
  return after;
}
