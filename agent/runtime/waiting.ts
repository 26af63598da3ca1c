/** Those who wait for the next change of something. */
export class Waiting {
  readonly #waiting = new Set<() => void>();

  /** Resolves at the next {@link notify}, or when the signal is aborted. */
  next(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = (): void => {
      this.#waiting.delete(done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    this.#waiting.add(done);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
    return promise;
  }

  notify(): void {
    for (const done of this.#waiting) done();
  }
}
