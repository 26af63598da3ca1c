import { BpfError, check } from "./errors.ts";
import { native } from "./native/library.ts";

const F_DUPFD_CLOEXEC = 1030;

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

  /** Another descriptor of the same object; each is closed for itself. */
  static duplicateOf(fd: number, subject: string): Descriptor {
    return new Descriptor(duplicate(fd, subject), subject);
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

/** Another descriptor of what `fd` stands for, which child processes do not inherit. */
export function duplicate(fd: number, subject: string): number {
  return check(native().fcntl(fd, F_DUPFD_CLOEXEC, 0) as number, "fcntl", subject);
}
