/** What a message has is not what its version has. */
export class KafkaFault extends Error {}

/** Reads the protocol's primitive types from front to end. Network byte order. */
export class WireReader {
  readonly #bytes: Buffer;
  #at = 0;

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

  nullableString(): string | null {
    const length = this.int16();
    return length === -1 ? null : this.take(length).toString();
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
  readonly #parts: Buffer[] = [];

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
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(BigInt(value));
    this.#parts.push(bytes);
    return this;
  }

  string(text: string | null): this {
    if (text === null) return this.int16(-1);
    const bytes = Buffer.from(text);
    this.int16(bytes.length);
    this.#parts.push(bytes);
    return this;
  }

  array<T>(items: readonly T[], write: (item: T) => unknown): this {
    this.int32(items.length);
    for (const item of items) write(item);
    return this;
  }

  /** With its length before it. */
  frame(): Buffer {
    const content = Buffer.concat(this.#parts);
    const size = Buffer.alloc(4);
    size.writeInt32BE(content.length);
    return Buffer.concat([size, content]);
  }

  #number(size: 1 | 2 | 4, value: number): this {
    const bytes = Buffer.alloc(size);
    bytes.writeIntBE(value, 0, size);
    this.#parts.push(bytes);
    return this;
  }
}
