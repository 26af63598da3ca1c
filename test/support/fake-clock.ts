import type { Clock } from "#agent/runtime/clock.ts";

interface Timer {
  readonly due: bigint;
  readonly callback: () => void;
}

/** A clock that stands still until a test advances it. */
export class FakeClock implements Clock {
  readonly #timers = new Set<Timer>();
  #boot = 1_000_000_000_000n;
  /** Wall clock minus boot time, in nanoseconds; a test may step it. */
  wallOffset = 1_800_000_000_000_000_000n;

  bootNanoseconds(): bigint {
    return this.#boot;
  }

  now(): Date {
    return new Date(Number((this.#boot + this.wallOffset) / 1_000_000n));
  }

  wallNanoseconds(boot: bigint): bigint {
    return boot + this.wallOffset;
  }

  setTimeout(callback: () => void, milliseconds: number): Disposable {
    const timer = { due: this.#boot + BigInt(Math.ceil(milliseconds * 1e6)), callback };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) };
  }

  /** How many callbacks wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Lets time pass and runs, in order, what becomes due. */
  advance(milliseconds: number): void {
    const end = this.#boot + BigInt(milliseconds) * 1_000_000n;
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.due <= end).sort((a, b) => Number(a.due - b.due))[0];
      if (!due) break;
      this.#timers.delete(due);
      this.#boot = due.due;
      due.callback();
    }
    this.#boot = end;
  }
}
