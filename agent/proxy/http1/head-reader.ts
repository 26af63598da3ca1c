import { Refusal } from "./message.ts";

const LF = 0x0a;
const CR = 0x0d;
const END = Buffer.from("\r\n\r\n");

/** Finds the ends of heads in what a peer sends, and keeps what is not read yet: the only place that does. */
export class HeadReader {
  readonly #limit: number;
  /** Empty lines that may stand before the next head (RFC 9112, section 2.2): some clients send one behind a body. */
  readonly #emptyLines: number;
  #emptyLinesLeft: number;
  #bytes: Buffer | null = null;
  /** Up to where no end of a head is. */
  #searched = 0;

  /** @param limit of a head, in bytes */
  constructor(limit: number, emptyLines: number) {
    this.#limit = limit;
    this.#emptyLines = emptyLines;
    this.#emptyLinesLeft = emptyLines;
  }

  /** What was not read yet; null: nothing. */
  get rest(): Buffer | null {
    return this.#bytes;
  }

  push(bytes: Buffer): void {
    this.#bytes = this.#bytes === null ? bytes : Buffer.concat([this.#bytes, bytes]);
  }

  /** What is there, which a body or a tunnel is to have. */
  take(): Buffer | null {
    const bytes = this.#bytes;
    this.#bytes = null;
    this.#searched = 0;
    return bytes;
  }

  /** What was taken too much. */
  putBack(bytes: Buffer): void {
    this.#bytes = bytes.length === 0 ? null : bytes;
    this.#searched = 0;
  }

  /** The next head without its empty line, in Latin-1; null: it is not whole yet. */
  next(): string | Refusal | null {
    if (this.#searched === 0) this.#skipEmptyLines();
    const bytes = this.#bytes;
    if (bytes === null) return null;
    const end = bytes.indexOf(END, Math.max(0, this.#searched - 3));
    if (end < 0) return this.#incomplete(bytes);
    if (end + END.length > this.#limit) return this.#tooLong();
    const rest = end + END.length;
    this.#bytes = rest === bytes.length ? null : bytes.subarray(rest);
    this.#searched = 0;
    this.#emptyLinesLeft = this.#emptyLines;
    return bytes.toString("latin1", 0, end);
  }

  #skipEmptyLines(): void {
    while (this.#emptyLinesLeft > 0 && this.#bytes?.[0] === CR && this.#bytes[1] === LF) {
      this.#emptyLinesLeft--;
      this.#bytes = this.#bytes.length === 2 ? null : this.#bytes.subarray(2);
    }
  }

  /** Refuses at once what can become no head, so that nobody waits for its end. */
  #incomplete(bytes: Buffer): Refusal | null {
    if (bytes.length > this.#limit) return this.#tooLong();
    if (bytes.length >= 2 && bytes[0] === CR) return new Refusal("empty lines");
    for (let i = bytes.indexOf(LF, this.#searched); i >= 0; i = bytes.indexOf(LF, i + 1)) {
      if (i === 0 || bytes[i - 1] !== CR) return new Refusal("a bare LF");
    }
    // Of a line's end that stands first only its CR may have come.
    this.#searched = bytes[0] === CR ? 0 : bytes.length;
    return null;
  }

  #tooLong(): Refusal {
    return new Refusal(`a head of more than ${this.#limit} bytes`);
  }
}
