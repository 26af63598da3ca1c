/** Reads numbers of variable length (ULEB128) and strings, one after the other. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** @throws RangeError past the end. */
  number(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new RangeError("read number: the bytes end before it");
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  /** As many numbers as a number before them says, or as is told. */
  numbers(count: number = this.number()): number[] {
    return Array.from({ length: count }, () => this.number());
  }

  take(length: number): Uint8Array {
    const taken = this.#bytes.subarray(this.#at, this.#at + length);
    if (taken.length < length) throw new RangeError("read bytes: fewer are left");
    this.#at += length;
    return taken;
  }
}
