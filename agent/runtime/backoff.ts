import { type Clock, sleep } from "./clock.ts";

export interface BackoffOptions {
  /** Upper bound of the first wait, in milliseconds. */
  readonly first?: number;
  /** Upper bound of every wait, in milliseconds. */
  readonly most?: number;
  /** From 0 to below 1. */
  readonly random?: () => number;
}

/**
 * Waits between attempts: random, below a bound that doubles, so that many who failed at
 * the same moment do not come back at the same moment.
 */
export class Backoff {
  readonly #first: number;
  readonly #most: number;
  readonly #random: () => number;
  #bound: number;

  constructor({ first = 100, most = 30_000, random = Math.random }: BackoffOptions = {}) {
    this.#first = first;
    this.#most = most;
    this.#random = random;
    this.#bound = first;
  }

  /** Milliseconds to wait before the next attempt. */
  next(): number {
    const wait = this.#random() * this.#bound;
    this.#bound = Math.min(this.#bound * 2, this.#most);
    return wait;
  }

  /** An attempt has succeeded. */
  reset(): void {
    this.#bound = this.#first;
  }
}

export interface RetryOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly backoff?: Backoff;
  /** Told of every failure that is followed by another attempt. */
  readonly failed: (error: unknown, milliseconds: number) => void;
}

/** Repeats a task until it succeeds. Rejects only with the signal's reason. */
export async function retry<T>(task: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { clock, signal, backoff = new Backoff(), failed } = options;
  for (;;) {
    signal.throwIfAborted();
    try {
      return await task();
    } catch (error) {
      const wait = backoff.next();
      failed(error, wait);
      await sleep(clock, wait, signal);
    }
  }
}
