import { setTimeout as delay } from "node:timers/promises";
import { LabError } from "./errors.ts";

export interface UntilOptions {
  /** Milliseconds after which to give up. */
  readonly within?: number;
  /** Milliseconds between two looks. */
  readonly every?: number;
  readonly signal?: AbortSignal;
}

/**
 * Looks again and again until the condition gives something other than false or
 * undefined, and gives that.
 *
 * @param what is waited for, for the message.
 * @throws LabError `timed-out`; its cause is the last error of the condition, if it threw.
 */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  options: UntilOptions = {},
): Promise<Exclude<T, false | undefined>> {
  const { within = 30_000, every = 25, signal } = options;
  const deadline = performance.now() + within;
  let cause: unknown;
  for (;;) {
    signal?.throwIfAborted();
    try {
      const value = await condition();
      if (value !== false && value !== undefined) return value as Exclude<T, false | undefined>;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= deadline) {
      const reason = cause instanceof Error ? `: ${cause.message}` : "";
      throw new LabError("timed-out", `wait for ${what}: not within ${within / 1000} s${reason}`, { cause });
    }
    await delay(every, undefined, signal === undefined ? {} : { signal });
  }
}
