import { isUtf8 } from "node:buffer";

/** What a message has is not what its version has, or more than is looked at. */
export class KafkaFault extends Error {}

/** So many items of all lists of one message are read: each costs memory, and its part of an answer. */
const MOST_ITEMS = 100_000;
const FIRST_SIZE = 1024;

/** Reads the protocol's primitive types from front to end. Network byte order. */
export class WireReader {
  readonly #bytes: Buffer;
  #at = 0;
  #items = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get position(): number {
    return this.#at;
  }

  /** @throws KafkaFault where so many are not there. */
  take(length: number): Buffer {
    if (length < 0 || length > this.#bytes.length - this.#at) throw new KafkaFault("is shorter than it says");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  int16(): number {
    return this.take(2).readInt16BE();
  }

  int32(): number {
    return this.take(4).readInt32BE();
  }

  /** Of anything but UTF-8 the text would be another one, and longer. */
  nullableString(): string | null {
    const length = this.int16();
    if (length === -1) return null;
    const bytes = this.take(length);
    if (!isUtf8(bytes)) throw new KafkaFault("has a text that is none");
    return bytes.toString();
  }

  string(): string {
    const text = this.nullableString();
    if (text === null) throw new KafkaFault("has no text where there must be one");
    return text;
  }

  /** Skips bytes that have their length before them; -1: none. */
  skipBytes(): void {
    const length = this.int32();
    if (length !== -1) this.take(length);
  }

  /** Null: the array is. Every item takes bytes, so that there are no more of them than that. */
  nullableArray<T>(item: () => T): T[] | null {
    const count = this.int32();
    if (count === -1) return null;
    if (count < 0 || count > this.#bytes.length - this.#at)
      throw new KafkaFault("has a list that is longer than it is");
    this.#items += count;
    if (this.#items > MOST_ITEMS) throw new KafkaFault("has too many items");
    return Array.from({ length: count }, item);
  }

  array<T>(item: () => T): T[] {
    return this.nullableArray(item) ?? [];
  }

  expectEnd(): void {
    if (this.#at < this.#bytes.length) throw new KafkaFault("is longer than it says");
  }
}

/** Writes the protocol's primitive types. Network byte order. */
export class WireWriter {
  #space = Buffer.allocUnsafe(FIRST_SIZE);
  /** Behind the length of all, which is written last. */
  #end = 4;

  int8(value: number): this {
    return this.#number(1, value);
  }

  int16(value: number): this {
    return this.#number(2, value);
  }

  int32(value: number): this {
    return this.#number(4, value);
  }

  int64(value: number): this {
    this.#grow(8);
    this.#end = this.#space.writeBigInt64BE(BigInt(value), this.#end);
    return this;
  }

  string(text: string | null): this {
    if (text === null) return this.int16(-1);
    const bytes = Buffer.from(text);
    this.int16(bytes.length);
    this.#grow(bytes.length);
    this.#end += bytes.copy(this.#space, this.#end);
    return this;
  }

  array<T>(items: readonly T[], write: (item: T) => unknown): this {
    this.int32(items.length);
    for (const item of items) write(item);
    return this;
  }

  /** With its length before it. */
  frame(): Buffer {
    this.#space.writeInt32BE(this.#end - 4);
    return this.#space.subarray(0, this.#end);
  }

  #number(size: 1 | 2 | 4, value: number): this {
    this.#grow(size);
    this.#end = this.#space.writeIntBE(value, this.#end, size);
    return this;
  }

  #grow(length: number): void {
    if (this.#end + length <= this.#space.length) return;
    const space = Buffer.allocUnsafe(2 * (this.#end + length));
    this.#space.copy(space, 0, 0, this.#end);
    this.#space = space;
  }
}
