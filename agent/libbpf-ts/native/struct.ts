import { addressOf } from "./library.ts";

/** Writes C structures that calls take, by offset; little-endian, as every host that we know is. */
export class Struct {
  /** One whose first member is its own size, as libbpf's options are. */
  static sized(size: number): Struct {
    return new Struct(size).u64(0, size);
  }

  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** What the structure points to lives as long as it does. */
  readonly #kept: Uint8Array[] = [];

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }

  u32(offset: number, value: number): this {
    this.view.setUint32(offset, value, true);
    return this;
  }

  u64(offset: number, value: bigint | number): this {
    this.view.setBigUint64(offset, BigInt(value), true);
    return this;
  }

  /** A pointer to a buffer. */
  pointer(offset: number, target: Uint8Array): this {
    this.#kept.push(target);
    return this.u64(offset, addressOf(target));
  }
}

/** A name as C has it. */
export function cString(text: string): Uint8Array {
  return Buffer.from(`${text}\0`);
}
