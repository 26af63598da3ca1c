const FIRST_SIZE = 1024;

/** Bytes that come in pieces and are wanted as one. A piece takes time in proportion to its own length, on average. */
export class GatheredBytes {
  #space: Buffer | null = null;
  #begin = 0;
  #end = 0;

  /** What is there. Holds until something is added. */
  get bytes(): Buffer {
    return this.#space?.subarray(this.#begin, this.#end) ?? Buffer.alloc(0);
  }

  get length(): number {
    return this.#end - this.#begin;
  }

  add(piece: Buffer): void {
    const length = this.length + piece.length;
    if (!this.#space || this.#end + piece.length > this.#space.length) {
      const space = Buffer.allocUnsafe(Math.max(FIRST_SIZE, 2 * length));
      this.bytes.copy(space);
      [this.#space, this.#begin, this.#end] = [space, 0, this.length];
    }
    piece.copy(this.#space, this.#end);
    this.#end += piece.length;
  }

  /** Takes so many bytes from the front. */
  take(length: number): Buffer {
    const taken = this.bytes.subarray(0, length);
    this.#begin += taken.length;
    if (this.length === 0) this.#space = null;
    return taken;
  }
}
