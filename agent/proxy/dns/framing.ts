/** Messages of DNS over TCP, each behind its length in two bytes (RFC 1035, section 4.2.2), out of pieces of any size. */
export class MessageReader {
  #pieces: Buffer[] = [];
  #length = 0;

  /** Whether a message has begun and is not complete. */
  get isWithin(): boolean {
    return this.#length > 0;
  }

  push(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
  }

  /** The next message that is complete; null: more has to come. Keeps no more than one message and one piece. */
  next(): Buffer | null {
    if (this.#length < 2) return null;
    const first = this.#pieces[0] as Buffer;
    const length = first.length >= 2 ? first.readUInt16BE(0) : this.#join().readUInt16BE(0);
    if (this.#length < 2 + length) return null;
    const all = this.#join();
    const rest = all.subarray(2 + length);
    this.#pieces = rest.length === 0 ? [] : [rest];
    this.#length = rest.length;
    return all.subarray(2, 2 + length);
  }

  #join(): Buffer {
    if (this.#pieces.length > 1) this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0] as Buffer;
  }
}

/** A message behind its length. */
export function frame(message: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(2 + message.length);
  framed.writeUInt16BE(message.length, 0);
  message.copy(framed, 2);
  return framed;
}
