import { setImmediate } from "node:timers/promises";

/**
 * Lets one of many begin in each round of the event loop: however much work is there at once, what
 * does not wait for a turn comes between two pieces of it.
 */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  next(): Promise<unknown> {
    const turn = this.#last;
    this.#last = turn.then(() => setImmediate());
    return turn;
  }
}
