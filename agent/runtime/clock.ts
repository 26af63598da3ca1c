import { setTimeout as startTimeout } from "node:timers";

/** Time, as the agent sees it. */
export interface Clock {
  /** Nanoseconds since the machine started, suspended time included: the kernel's time of events and deadlines. */
  bootNanoseconds(): bigint;
  now(): Date;
  /** The wall clock's nanoseconds since 1970 at a boot time. */
  wallNanoseconds(boot: bigint): bigint;
  /** Calls back once; disposing of the result prevents it. */
  setTimeout(callback: () => void, milliseconds: number): Disposable;
}

/** The system's clocks in nanoseconds, as `clock_gettime(2)` reads them. */
export interface SystemClocks {
  /** CLOCK_BOOTTIME. */
  boot(): bigint;
  /** CLOCK_REALTIME. */
  real(): bigint;
}

/** How old a measured difference of the two clocks may be. */
const OFFSET_MAX_AGE = 1_000_000_000n;
/** A difference that moved by less is noise of the measurement; keeping it keeps events in order. */
const OFFSET_NOISE = 1_000_000n;
/** One that moved by more is a clock that was set. */
const OFFSET_STEP = 200_000_000n;

/** Waits; rejects with the signal's reason when it is aborted first. */
export function sleep(clock: Clock, milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const timer = clock.setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    const stop = (): void => {
      timer[Symbol.dispose]();
      reject(signal?.reason as Error);
    };
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Waits; ends early, and without an error, when the signal is aborted. */
export async function pause(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(clock, milliseconds, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** RFC 3339 in UTC with nanoseconds. */
export function formatTime(wallNanoseconds: bigint): string {
  const second = Number(wallNanoseconds / 1_000_000_000n);
  const fraction = String(wallNanoseconds % 1_000_000_000n).padStart(9, "0");
  if (second !== latest.second) latest = { second, text: new Date(second * 1000).toISOString().slice(0, 19) };
  return `${latest.text}.${fraction}Z`;
}

/** The second that was written last: flows come in their order. */
let latest = { second: 0, text: "1970-01-01T00:00:00" };

/** The real clock. */
export class SystemClock implements Clock {
  readonly #clocks: SystemClocks;
  #offset: bigint;
  #measured: bigint;
  #coarse: bigint;
  #steps = 0;

  constructor(clocks: SystemClocks) {
    this.#clocks = clocks;
    this.#measured = clocks.boot();
    this.#offset = clocks.real() - this.#measured;
    this.#coarse = this.#offset;
  }

  bootNanoseconds(): bigint {
    return this.#clocks.boot();
  }

  now(): Date {
    return new Date();
  }

  wallNanoseconds(boot: bigint): bigint {
    const now = this.#clocks.boot();
    if (now - this.#measured > OFFSET_MAX_AGE) {
      const offset = this.#clocks.real() - now;
      const moved = offset > this.#offset ? offset - this.#offset : this.#offset - offset;
      if (moved > OFFSET_NOISE) this.#offset = offset;
      this.#measured = now;
    }
    return boot + this.#offset;
  }

  /** Boot time, ns, of an instant in ms since 1970. The same until the wall clock is set: {@link steps} counts that. */
  bootOf(instant: number): bigint {
    return BigInt(instant) * 1_000_000n - this.#coarse;
  }

  /** How often the wall clock was found to have been set. */
  get steps(): number {
    const offset = this.#clocks.real() - this.#clocks.boot();
    const moved = offset > this.#coarse ? offset - this.#coarse : this.#coarse - offset;
    if (moved > OFFSET_STEP) {
      this.#coarse = offset;
      this.#steps++;
    }
    return this.#steps;
  }

  setTimeout(callback: () => void, milliseconds: number): Disposable {
    const timer = startTimeout(callback, milliseconds);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  }
}
