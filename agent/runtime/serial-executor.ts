/**
 * Runs tasks one at a time, in the order in which they were handed in. A task that fails
 * fails only for its caller.
 *
 * A task must not wait for another one of the same executor: it would wait for itself.
 */
export class SerialExecutor {
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** Tasks that have not ended. */
  get length(): number {
    return this.#waiting;
  }

  run<T>(task: () => T | Promise<T>): Promise<T> {
    this.#waiting++;
    const result = this.#tail.then(task);
    this.#tail = result.then(
      () => this.#waiting--,
      () => this.#waiting--,
    );
    return result;
  }

  /** Resolves when all tasks handed in so far have ended. */
  async idle(): Promise<void> {
    await this.#tail;
  }
}
