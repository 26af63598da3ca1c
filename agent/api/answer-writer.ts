import type { ServerResponse } from "node:http";
import { setImmediate } from "node:timers/promises";
import { ApiError } from "./errors.ts";

/** How many items of a stream there have been, and how many of the latest are there for a slow reader. */
export interface Progress {
  readonly seen: number;
  readonly capacity: number;
}

/** Writes an answer at its reader's pace, within limits. */
export class AnswerWriter {
  readonly #response: ServerResponse;
  readonly #signal: AbortSignal;
  readonly #patience: number;
  readonly #progress: (() => Progress | undefined) | undefined;

  /**
   * @param signal ends the writing.
   * @param patience how long, in ms, a reader may take nothing.
   * @param progress of a stream: such a reader is waited for as long as it misses nothing.
   */
  constructor(response: ServerResponse, signal: AbortSignal, patience: number, progress?: () => Progress | undefined) {
    this.#response = response;
    this.#signal = signal;
    this.#patience = patience;
    this.#progress = progress;
  }

  /**
   * Resolves when more may be written; other requests get their turn in any case.
   *
   * @throws ApiError `too-slow`.
   */
  async write(text: string): Promise<void> {
    if (this.#response.write(text)) {
      await setImmediate();
      return;
    }
    const began = performance.now();
    const { seen = 0 } = this.#progress?.() ?? {};
    while (!(await this.#drained())) {
      const progress = this.#progress?.();
      const missed = (progress?.seen ?? 0) - seen;
      if (progress && missed <= progress.capacity) continue;
      const seconds = Math.round((performance.now() - began) / 1000);
      const since = progress ? `, and there were ${missed} events since, more than are kept` : "";
      throw new ApiError("too-slow", {
        asked: "write answer",
        obstacle: `nothing was read for ${seconds} s${since}`,
        remedy: progress ? "read faster, or ask for fewer by a filter" : "read faster",
      });
    }
  }

  /** Resolves with whether what was written has been taken, at the latest when patience ends. */
  #drained(): Promise<boolean> {
    this.#signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const taken = (): void => resolve(true);
    const ended = (): void => reject(this.#signal.reason as Error);
    const timer = setTimeout(() => resolve(false), this.#patience);
    this.#response.once("drain", taken);
    this.#signal.addEventListener("abort", ended);
    return promise.finally(() => {
      clearTimeout(timer);
      this.#response.removeListener("drain", taken);
      this.#signal.removeEventListener("abort", ended);
    });
  }
}
