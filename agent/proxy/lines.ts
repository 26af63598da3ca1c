const LF = 0x0a;

/** Puts the chunks of a stream together to lines, each without its end (LF). The bytes of a line are the caller's. */
export class LineReader {
  readonly #longest: number;
  readonly #take: (line: Buffer) => void;
  /** What has come of a line that has not ended. */
  #begun: Buffer[] = [];
  #length = 0;

  /** @param longest line, in bytes. */
  constructor(longest: number, take: (line: Buffer) => void) {
    this.#longest = longest;
    this.#take = take;
  }

  /** @returns false: a line is too long, and nothing more can be read. */
  push(chunk: Buffer): boolean {
    let from = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, from)) {
      const last = chunk.subarray(from, end);
      from = end + 1;
      if (this.#length + last.length > this.#longest) return false;
      const line = this.#begun.length === 0 ? last : Buffer.concat([...this.#begun, last]);
      this.#begun = [];
      this.#length = 0;
      this.#take(line);
    }
    if (from === chunk.length) return true;
    this.#begun.push(chunk.subarray(from));
    this.#length += chunk.length - from;
    return this.#length <= this.#longest;
  }
}
