import { BpfError } from "./errors.ts";
import { native } from "./native/library.ts";

/**
 * A file descriptor of a kernel object. Closed explicitly, never by the garbage
 * collector: a map must not vanish under a program that is running.
 */
export class Descriptor implements Disposable {
  readonly #subject: string;
  #fd: number;

  constructor(fd: number, subject: string) {
    this.#fd = fd;
    this.#subject = subject;
  }

  get fd(): number {
    if (this.#fd < 0) throw new BpfError("closed", "use", `${this.#subject} is closed`);
    return this.#fd;
  }

  get isOpen(): boolean {
    return this.#fd >= 0;
  }

  [Symbol.dispose](): void {
    if (this.#fd >= 0) native().close(this.#fd);
    this.#fd = -1;
  }
}
