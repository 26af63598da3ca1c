/** Milliseconds after which a file that nobody has changed again is at peace. */
const peace = 10 * 60_000;
const firstWait = 1_000;
const longestWait = 5 * 60_000;

/** So many times are somebody's mistake; more are another program that wants the file otherwise. */
const patience = 3;

/**
 * When a file that somebody changes again and again is put back: at once, and then after waits
 * that double. Two programs that both restore the same file would else never come to rest.
 */
export class Contest {
  #times = 0;
  #last = Number.NEGATIVE_INFINITY;

  /** Milliseconds until it may be put back. All times are those of one clock, in ms. */
  wait(now: number): number {
    if (now - this.#last >= peace) this.#times = 0;
    if (this.#times === 0) return 0;
    const interval = Math.min(firstWait * 2 ** (this.#times - 1), longestWait);
    return Math.max(0, this.#last + interval - now);
  }

  /** How often it was put back since it was last at peace. */
  get count(): number {
    return this.#times;
  }

  wasPutBack(now: number): void {
    this.#times += 1;
    this.#last = now;
  }

  /** How often it was put back, where that is a matter to be told; else 0. */
  times(now: number): number {
    return now - this.#last < peace && this.#times >= patience ? this.#times : 0;
  }
}
