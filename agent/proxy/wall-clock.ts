/** By how many ms the wall clock may differ before it counts as set: it is read in whole ones. */
const STEP = 5;

/** The time of day by the clock that requests are timed with: cheap, in order, and in step with a clock that is set. */
export class WallClock {
  #offset = performance.timeOrigin;
  #second = 0;
  #secondText = "";

  /**
   * Nanoseconds since 1970, in whole microseconds, as a decimal text.
   *
   * @param now as `performance.now()` gives it
   */
  nanoseconds(now: number): string {
    let second = Math.floor((this.#offset + now) / 1000);
    if (second !== this.#second) {
      const real = Date.now() - now;
      if (Math.abs(real - this.#offset) > STEP) this.#offset = real;
      second = Math.floor((this.#offset + now) / 1000);
      this.#second = second;
      this.#secondText = String(second);
    }
    const microseconds = Math.floor((this.#offset + now - second * 1000) * 1000);
    return `${this.#secondText}${String(1_000_000 + microseconds).slice(1)}000`;
  }
}
