import { Descriptor } from "./descriptor.ts";
import { BpfError } from "./errors.ts";
import { type MapHandle, MapType } from "./map-handle.ts";
import { Protection, SharedMemory } from "./memory.ts";
import { Readiness } from "./native/readiness.ts";

const pageSize = 4096;
const headerSize = 8;
const BUSY = 0x80000000;
const DISCARD = 0x40000000;

/** Bytes of a record, at an offset of a view; valid only during the call. */
export type RecordDecoder<T> = (view: DataView, offset: number, size: number) => T;

/** Bytes of records that wait in a ring buffer for its reader, who is not disturbed. */
export function unreadBytes(map: MapHandle): number {
  const subject = `ring buffer ${map.name}`;
  if (map.info.type !== MapType.RINGBUF) throw new BpfError("invalid", "mmap", `map ${map.name} is no ring buffer`);
  using consumer = new SharedMemory(map.fd, pageSize, 0, Protection.READ, subject);
  using producer = new SharedMemory(map.fd, pageSize, pageSize, Protection.READ, subject);
  const consumed = Atomics.load(new BigUint64Array(consumer.buffer, 0, 1), 0);
  return Number(Atomics.load(new BigUint64Array(producer.buffer, 0, 1), 0) - consumed);
}

/**
 * A BPF ring buffer, read through shared memory without a call per record. Layout: the
 * kernel's `kernel/bpf/ringbuf.c`, as documented in `Documentation/bpf/ringbuf.rst`.
 *
 * One reader at a time. The kernel does not count what finds the ring full: programs do,
 * in a map of their own.
 */
export class RingBuffer implements Disposable {
  readonly #subject: string;
  readonly #descriptor: Descriptor;
  readonly #consumer: SharedMemory;
  readonly #producer: SharedMemory;
  readonly #consumed: BigUint64Array;
  readonly #produced: BigUint64Array;
  readonly #data: DataView;
  readonly #headers: Int32Array;
  readonly #size: number;

  /** The map stays the caller's, and may be disposed of first. @throws BpfError `invalid` when it is of another kind. */
  constructor(map: MapHandle) {
    this.#subject = `ring buffer ${map.name}`;
    if (map.info.type !== MapType.RINGBUF) throw new BpfError("invalid", "mmap", `map ${map.name} is no ring buffer`);
    const size = map.info.maxEntries;
    this.#size = size;
    this.#descriptor = Descriptor.duplicateOf(map.fd, this.#subject);
    this.#consumer = new SharedMemory(map.fd, pageSize, 0, Protection.READ_WRITE, this.#subject);
    // The data is mapped twice in a row, so that a record at the end is in one piece.
    this.#producer = new SharedMemory(map.fd, pageSize + 2 * size, pageSize, Protection.READ, this.#subject);
    this.#consumed = new BigUint64Array(this.#consumer.buffer, 0, 1);
    this.#produced = new BigUint64Array(this.#producer.buffer, 0, 1);
    this.#data = new DataView(this.#producer.buffer, pageSize);
    this.#headers = new Int32Array(this.#producer.buffer, pageSize);
  }

  /** Takes what is there now, at most `limit` records. */
  drain<T>(decode: RecordDecoder<T>, limit = 4096): T[] {
    if (!this.#descriptor.isOpen) throw new BpfError("closed", "use", `${this.#subject} is closed`);
    const records: T[] = [];
    // Below 2^53 bytes for centuries.
    let position = Number(Atomics.load(this.#consumed, 0));
    const end = Number(Atomics.load(this.#produced, 0));
    while (position < end && records.length < limit) {
      const offset = position % this.#size;
      const header = Atomics.load(this.#headers, offset >>> 2) >>> 0;
      if (header & BUSY) break;
      const size = header & ~(BUSY | DISCARD);
      if ((header & DISCARD) === 0) records.push(decode(this.#data, offset + headerSize, size));
      position += (size + headerSize + 7) & ~7;
    }
    Atomics.store(this.#consumed, 0, BigInt(position));
    return records;
  }

  /**
   * Batches of records as they come, until the signal; never empty. Between two batches the
   * event loop goes round, so that a flood of records does not stop everything else.
   *
   * @param interval how often, in milliseconds, records are looked for that came without a
   *   wake-up (BPF_RB_NO_WAKEUP); absent: only wake-ups count.
   */
  async *read<T>(decode: RecordDecoder<T>, signal: AbortSignal, interval?: number): AsyncGenerator<T[]> {
    using readiness = new Readiness(this.#descriptor.fd);
    while (!signal.aborted) {
      await readiness.wait(signal, interval);
      if (signal.aborted) return;
      const records = this.drain(decode);
      if (records.length > 0) yield records;
    }
  }

  [Symbol.dispose](): void {
    this.#descriptor[Symbol.dispose]();
    this.#consumer[Symbol.dispose]();
    this.#producer[Symbol.dispose]();
  }
}
