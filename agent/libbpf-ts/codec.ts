/**
 * How a value stands in bytes, as a map's key or value or a record of a ring buffer.
 * `size` is that of the C type; it is checked against the map before anything is written.
 */
export interface Codec<T> {
  readonly size: number;
  /** Writes all `size` bytes, padding included, from `offset` (default 0). */
  encode(value: T, view: DataView, offset?: number): void;
  /** The value is a copy: it stays right when the bytes change. */
  decode(view: DataView, offset?: number): T;
}

/** `__u32` in the machine's byte order, which is little-endian on every host that this package knows. */
export const u32: Codec<number> = {
  size: 4,
  encode: (value, view, offset = 0) => view.setUint32(offset, value, true),
  decode: (view, offset = 0) => view.getUint32(offset, true),
};

/** `__u64`. */
export const u64: Codec<bigint> = {
  size: 8,
  encode: (value, view, offset = 0) => view.setBigUint64(offset, value, true),
  decode: (view, offset = 0) => view.getBigUint64(offset, true),
};

/** `size` bytes as they are. */
export function bytes(size: number): Codec<Uint8Array> {
  return {
    size,
    encode(value, view, offset = 0) {
      if (value.length !== size) throw new RangeError(`encode bytes: ${value.length} given, ${size} wanted`);
      new Uint8Array(view.buffer, view.byteOffset + offset, size).set(value);
    },
    decode: (view, offset = 0) => new Uint8Array(view.buffer, view.byteOffset + offset, size).slice(),
  };
}
