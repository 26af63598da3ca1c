/** How a map's key or value is written as bytes. `size` is that of the map's definition. */
export interface Codec<T> {
  readonly size: number;
  /** Writes into zeroed bytes; padding is left alone. */
  encode(value: T, view: DataView, offset: number): void;
  /** The value is a copy: it stays right when the bytes change. */
  decode(view: DataView, offset: number): T;
}

/** `__u32` in the machine's byte order, which is little-endian on every host that this package knows. */
export const u32: Codec<number> = {
  size: 4,
  encode: (value, view, offset) => view.setUint32(offset, value, true),
  decode: (view, offset) => view.getUint32(offset, true),
};

/** `__u64`. */
export const u64: Codec<bigint> = {
  size: 8,
  encode: (value, view, offset) => view.setBigUint64(offset, value, true),
  decode: (view, offset) => view.getBigUint64(offset, true),
};

/** `size` bytes as they are. */
export function bytes(size: number): Codec<Uint8Array> {
  return {
    size,
    encode(value, view, offset) {
      if (value.length !== size) throw new RangeError(`encode bytes: ${value.length} given, ${size} wanted`);
      new Uint8Array(view.buffer, view.byteOffset + offset, size).set(value);
    },
    decode: (view, offset) => new Uint8Array(view.buffer, view.byteOffset + offset, size).slice(),
  };
}

export function encodeOne<T>(codec: Codec<T>, value: T): Uint8Array {
  const buffer = new Uint8Array(codec.size);
  codec.encode(value, new DataView(buffer.buffer), 0);
  return buffer;
}

export function encodeMany<T>(codec: Codec<T>, values: readonly T[]): Uint8Array {
  const buffer = new Uint8Array(codec.size * values.length);
  const view = new DataView(buffer.buffer);
  for (let i = 0; i < values.length; i++) codec.encode(values[i] as T, view, i * codec.size);
  return buffer;
}
