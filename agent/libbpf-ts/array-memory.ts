import { BpfError } from "./errors.ts";
import { MapFlag, type MapHandle } from "./map-handle.ts";
import { Protection, SharedMemory } from "./memory.ts";

const pageSize = 4096;

/**
 * A memory-mapped array of 64-bit words: a write is one store, which a program sees at
 * once and whole. The map has BPF_F_MMAPABLE (since Linux 5.5).
 */
export class WordArray implements Disposable {
  readonly #memory: SharedMemory;
  readonly #words: BigUint64Array;
  readonly #subject: string;

  constructor(handle: MapHandle) {
    this.#subject = `map ${handle.name}`;
    const { valueSize, maxEntries, flags } = handle.info;
    if (valueSize !== 8 || (flags & MapFlag.MMAPABLE) === 0) {
      throw new BpfError("invalid", "mmap", `map ${handle.name} is not a mappable array of 64-bit words`);
    }
    const size = Math.ceil((maxEntries * 8) / pageSize) * pageSize;
    this.#memory = new SharedMemory(handle.fd, size, 0, Protection.READ_WRITE, `map ${handle.name}`);
    this.#words = new BigUint64Array(this.#memory.buffer, 0, maxEntries);
  }

  get length(): number {
    return this.#words.length;
  }

  /** @throws RangeError when the index is out of bounds. */
  load(index: number): bigint {
    return Atomics.load(this.#open, index);
  }

  store(index: number, value: bigint): void {
    Atomics.store(this.#open, index, value);
  }

  /** @returns the new value. */
  increment(index: number): bigint {
    return Atomics.add(this.#open, index, 1n) + 1n;
  }

  get #open(): BigUint64Array {
    if (this.#words.length > 0) return this.#words;
    throw new BpfError("closed", "use", `${this.#subject} is unmapped`);
  }

  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]();
  }
}
