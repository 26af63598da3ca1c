import { GatheredBytes } from "../gathered-bytes.ts";

/** Of the length before a message, in bytes. */
const SIZE = 2;

/** Messages of DNS over TCP, each behind its length in two bytes (RFC 1035, section 4.2.2), out of pieces of any size. */
export class MessageReader {
  readonly #bytes = new GatheredBytes();

  /** Whether a message has begun and is not complete. */
  get isWithin(): boolean {
    return this.#bytes.length > 0;
  }

  /** The piece is copied: of many small ones each would cost a hundred times its bytes. */
  push(piece: Buffer): void {
    this.#bytes.add(piece);
  }

  /** The next message that is complete; null: more has to come. Keeps no more than one message and one piece. */
  next(): Buffer | null {
    const { bytes } = this.#bytes;
    if (bytes.length < SIZE) return null;
    const end = SIZE + bytes.readUInt16BE(0);
    return bytes.length < end ? null : this.#bytes.take(end).subarray(SIZE);
  }
}

/** A message behind its length. */
export function frame(message: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(2 + message.length);
  framed.writeUInt16BE(message.length, 0);
  message.copy(framed, 2);
  return framed;
}
