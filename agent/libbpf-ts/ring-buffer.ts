import { callAsync } from "./native/library.ts";
import { Struct } from "./native/struct.ts";
import type { MapHandle } from "./map-handle.ts";
import { Protection, SharedMemory } from "./memory.ts";

const pageSize = 4096;
const headerSize = 8;
const BUSY = 0x80000000;
const DISCARD = 0x40000000;
const POLLIN = 1;

/** Bytes of a record, at an offset of a view; valid only during the call. */
export type RecordDecoder<T> = (view: DataView, offset: number, size: number) => T;

/**
 * A BPF ring buffer, read through shared memory without a call per record. Layout: the
 * kernel's `kernel/bpf/ringbuf.c`, as documented in `Documentation/bpf/ringbuf.rst`.
 *
 * One reader at a time. The kernel does not count what finds the ring full: programs do.
 */
export class RingBuffer implements Disposable {
  readonly #map: MapHandle;
  readonly #consumer: SharedMemory;
  readonly #producer: SharedMemory;
  readonly #consumed: BigUint64Array;
  readonly #produced: BigUint64Array;
  readonly #data: DataView;
  readonly #headers: Int32Array;
  readonly #mask: number;

  constructor(map: MapHandle) {
    const size = map.info.maxEntries;
    this.#map = map;
    this.#mask = size - 1;
    this.#consumer = new SharedMemory(map.fd, pageSize, 0, Protection.READ_WRITE, `ring buffer ${map.name}`);
    // The data is mapped twice in a row, so that a record at the end is in one piece.
    this.#producer = new SharedMemory(map.fd, pageSize + 2 * size, pageSize, Protection.READ, `ring buffer ${map.name}`);
    this.#consumed = new BigUint64Array(this.#consumer.buffer, 0, 1);
    this.#produced = new BigUint64Array(this.#producer.buffer, 0, 1);
    this.#data = new DataView(this.#producer.buffer, pageSize);
    this.#headers = new Int32Array(this.#producer.buffer, pageSize);
  }

  /** Takes what is there now, at most `limit` records. */
  drain<T>(decode: RecordDecoder<T>, limit = 4096): T[] {
    const records: T[] = [];
    let position = Atomics.load(this.#consumed, 0);
    const end = Atomics.load(this.#produced, 0);
    while (position < end && records.length < limit) {
      const offset = Number(position) & this.#mask;
      const header = Atomics.load(this.#headers, offset >>> 2) >>> 0;
      if (header & BUSY) break;
      const size = header & ~(BUSY | DISCARD);
      if ((header & DISCARD) === 0) records.push(decode(this.#data, offset + headerSize, size));
      position += BigInt((size + headerSize + 7) & ~7);
    }
    Atomics.store(this.#consumed, 0, position);
    return records;
  }

  /** Batches of records as they come, until the signal; never empty. */
  async *read<T>(decode: RecordDecoder<T>, signal: AbortSignal): AsyncGenerator<T[]> {
    while (!signal.aborted) {
      const records = this.drain(decode);
      if (records.length > 0) yield records;
      else await this.#wait();
    }
  }

  /** Waits on a worker thread until there is something, at most 200 ms: so long may an abort take. */
  async #wait(): Promise<void> {
    const descriptor = new Struct(8).u32(0, this.#map.fd).u32(4, POLLIN);
    await callAsync("poll", descriptor.bytes, 1, 200);
  }

  [Symbol.dispose](): void {
    this.#consumer[Symbol.dispose]();
    this.#producer[Symbol.dispose]();
  }
}
