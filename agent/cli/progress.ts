import type { Writable } from "node:stream";

/** Shorter waits are not worth a word. */
const PATIENCE = 1000;
const PAUSE = 100;

/** Says on a terminal how far something is that takes long; elsewhere nothing. */
export class Progress {
  readonly #stream: Writable & { readonly isTTY?: boolean };
  readonly #what: string;
  readonly #start = performance.now();
  #last = 0;
  #isShown = false;

  /** @param what `comparing` */
  constructor(stream: Writable & { readonly isTTY?: boolean }, what: string) {
    this.#stream = stream;
    this.#what = what;
  }

  show(done: number, of: number): void {
    const now = performance.now();
    if (!this.#stream.isTTY || now - this.#start < PATIENCE || now - this.#last < PAUSE) return;
    this.#last = now;
    this.#isShown = true;
    this.#stream.write(`\r${this.#what} ${Math.floor((100 * done) / of)} %`);
  }

  /** Leaves nothing behind. */
  clear(): void {
    if (this.#isShown) this.#stream.write("\r\u001b[K");
    this.#isShown = false;
  }
}
