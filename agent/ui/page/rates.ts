/** How far back, in ms, a rate looks. */
const window = 10_000;

/** How fast a count grows. */
export class Rate {
  readonly #samples: { readonly at: number; readonly count: number }[] = [];

  add(count: number, at: number): void {
    this.#samples.push({ at, count });
  }

  /** A second, over the last ten; what was counted before the first look is not in it. */
  at(now: number): number {
    while ((this.#samples[1]?.at ?? now) < now - window) this.#samples.shift();
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (!first || !last || now - last.at > window) return 0;
    // A sample that is older than the window is what the count was when the window began.
    return ((last.count - first.count) * 1000) / Math.max(1000, now - Math.max(first.at, now - window));
  }
}

/** `0.4/s`, `1,234/s`; empty where there is none. */
export function rateText(rate: number): string {
  if (rate < 0.05) return "";
  return `${rate < 10 ? rate.toFixed(1) : Math.round(rate).toLocaleString("en")}/s`;
}
