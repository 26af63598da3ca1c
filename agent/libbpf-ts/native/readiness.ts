import koffi from "koffi";

/**
 * Tells when a descriptor can be read, through the event loop's own poll: no thread
 * waits. While nobody waits it does not keep the process alive.
 */
export class Readiness implements Disposable {
  readonly #fd: number;
  #handle: ReturnType<typeof koffi.node.poll> | undefined;
  #wake: (() => void) | undefined;

  /** @param fd of its own: the event loop takes a descriptor only once. It stays the caller's. */
  constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * Resolves when there is something to read, at once if there is already, when the signal
   * is aborted, and after a time in milliseconds, if one is given.
   */
  async wait(signal: AbortSignal, timeout?: number): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const options = { readable: true };
    const wake = (): void => resolve();
    this.#wake = wake;
    signal.addEventListener("abort", wake, { once: true });
    const timer = timeout === undefined ? undefined : setTimeout(wake, timeout);
    try {
      if (this.#handle) this.#handle.start(options, () => this.#wake?.());
      else this.#handle = koffi.node.poll(this.#fd, options, () => this.#wake?.());
      await promise;
    } finally {
      clearTimeout(timer);
      this.#wake = undefined;
      this.#handle?.stop();
      signal.removeEventListener("abort", wake);
    }
  }

  [Symbol.dispose](): void {
    this.#handle?.close();
    this.#handle = undefined;
    this.#wake?.();
  }
}
