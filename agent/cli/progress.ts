import type { Writable } from "node:stream";

type Terminal = Writable & { readonly isTTY?: boolean };

/** In milliseconds: shorter waits are not worth a word, and words are not said more often. */
const PATIENCE = 1000;
const PAUSE = 100;

/** Says on a terminal how far something is that takes long; elsewhere nothing. */
export class Progress {
  readonly #stream: Terminal;
  readonly #what: string;
  readonly #now: () => number;
  readonly #start: number;
  /** When it last said something; null: nothing is there. */
  #last: number | null = null;

  /** @param what `comparing` */
  constructor(stream: Terminal, what: string, now: () => number = () => performance.now()) {
    this.#stream = stream;
    this.#what = what;
    this.#now = now;
    this.#start = now();
  }

  show(done: number, of: number): void {
    const now = this.#now();
    if (!this.#stream.isTTY || now - this.#start < PATIENCE) return;
    if (this.#last !== null && now - this.#last < PAUSE) return;
    this.#last = now;
    this.#stream.write(`\r${this.#what} ${Math.floor((100 * done) / of)} %`);
  }

  /** Leaves nothing behind. */
  clear(): void {
    if (this.#last !== null) this.#stream.write("\r\u001b[K");
    this.#last = null;
  }
}
