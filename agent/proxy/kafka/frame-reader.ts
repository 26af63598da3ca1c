import { GatheredBytes } from "../gathered-bytes.ts";

/** Of the length before a frame, in bytes. */
const SIZE = 4;

/** Gathers whole frames (their length, then so many bytes) from a stream. */
export class FrameReader {
  readonly #longest: number;
  readonly #bytes = new GatheredBytes();

  /** @param longest bytes of a frame's content. */
  constructor(longest: number) {
    this.#longest = longest;
  }

  /** Whether a part of a frame is there. */
  get isWithin(): boolean {
    return this.length > 0;
  }

  /** Bytes that are there. */
  get length(): number {
    return this.#bytes.length;
  }

  add(chunk: Buffer): void {
    this.#bytes.add(chunk);
  }

  /** The next frame with its length before it; null: more is needed; `wrong`: it has a length that none may have. */
  next(): Buffer | "wrong" | null {
    const { bytes } = this.#bytes;
    if (bytes.length < SIZE) return null;
    const length = bytes.readInt32BE();
    if (length < 0 || length > this.#longest) return "wrong";
    return bytes.length < SIZE + length ? null : this.#bytes.take(SIZE + length);
  }
}
