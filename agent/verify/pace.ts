import { setImmediate } from "node:timers/promises";

/** Milliseconds after which others get their turn. */
const stretch = 8;
/** Steps between two looks at the clock. */
const steps = 8;

/** Cuts long work into pieces, between which the process does everything else. */
export class Pace {
  readonly #signal: AbortSignal;
  #begin = performance.now();
  #steps = 0;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** To be asked after each small step: whether it is time for {@link rest}. */
  get isDue(): boolean {
    if (++this.#steps < steps) return false;
    this.#steps = 0;
    return performance.now() - this.#begin > stretch;
  }

  /** @throws the signal's reason. */
  async rest(): Promise<void> {
    await setImmediate();
    this.#signal.throwIfAborted();
    this.#begin = performance.now();
  }
}
