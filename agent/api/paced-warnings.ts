import type { Warn } from "./handler.ts";

/** How long, in ms, further warnings are only counted. */
const pace = 10_000;

/** Warnings that others bring about: however often, they do not fill the log. */
export class PacedWarnings {
  readonly #warn: Warn;
  readonly #now: () => number;
  #last = -Infinity;
  #untold = 0;

  /** @param now in ms, of a clock that is not set. */
  constructor(warn: Warn, now: () => number = () => performance.now()) {
    this.#warn = warn;
    this.#now = now;
  }

  tell(message: string): void {
    if (this.#now() - this.#last < pace) {
      this.#untold++;
      return;
    }
    const before = this.#untold === 0 ? "" : ` (${this.#untold} more of the kind before it)`;
    this.#warn(`${message}${before}`);
    this.#last = this.#now();
    this.#untold = 0;
  }
}
