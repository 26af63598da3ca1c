import { setImmediate, setTimeout } from "node:timers/promises";

/** Milliseconds that a piece of work may take without others being let work as long. */
const short = 20;

/**
 * Lets one of many begin in each round of the event loop: however much work is there at once, what
 * does not wait for a turn comes between two pieces of it, and after a long piece has as much time.
 */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  next(): Promise<unknown> {
    const turn = this.#last;
    this.#last = turn.then(() => this.#end());
    return turn;
  }

  /** Resolves when the next may begin. */
  async #end(): Promise<void> {
    const begun = performance.now();
    await setImmediate();
    const took = performance.now() - begun;
    if (took > short) await setTimeout(took);
  }
}
