import { BpfError } from "./errors.ts";
import { lastErrno, native, type Pointer, viewOf } from "./native/library.ts";

const MAP_SHARED = 1;
const MAP_FAILED = 0xffffffffffffffffn;

export const Protection = { READ: 1, READ_WRITE: 3 } as const;

/** Memory that the kernel shares with this process. Views of it are empty after disposal. */
export class SharedMemory implements Disposable {
  readonly buffer: ArrayBuffer;
  readonly #pointer: Pointer;
  readonly #size: number;
  #mapped = true;

  constructor(fd: number, size: number, offset: number, protection: number, subject: string) {
    const pointer = native().mmap(null, size, protection, MAP_SHARED, fd, offset) as bigint | null;
    if (pointer === null || pointer === -1n || pointer === MAP_FAILED) {
      throw BpfError.fromErrno(lastErrno(), "mmap", subject);
    }
    this.#pointer = pointer;
    this.#size = size;
    this.buffer = viewOf(pointer, size);
  }

  [Symbol.dispose](): void {
    if (!this.#mapped) return;
    this.#mapped = false;
    // Takes the memory away from every view first: a late use then fails and does not crash.
    this.buffer.transfer(0);
    native().munmap(this.#pointer, this.#size);
  }
}
