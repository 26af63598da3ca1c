/** Content types (RFC 8446, section 5.1). */
export const ContentType = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 } as const;

/** Bytes before the content of a record: type, version, length. */
export const RECORD_HEADER = 5;

/** What a chunk has of one record's content. */
export interface RecordPart {
  /** Of the record; null: what stands there begins no record of TLS. */
  readonly type: number | null;
  /** Of the record's whole content, in bytes. */
  readonly length: number;
  readonly content: Buffer;
  /** Place in the chunk behind the part. */
  readonly end: number;
  /** Whether the record ends with it. */
  readonly isLast: boolean;
}

/** Finds the records of TLS in a stream, however that is cut into chunks. */
export class RecordReader {
  readonly #header = Buffer.alloc(RECORD_HEADER);
  /** Bytes of the header that are there. */
  #known = 0;
  /** Bytes of the content that are missing. */
  #missing = 0;

  /** Who wants no more of it leaves the loop; the reader can then be used no longer. */
  *read(chunk: Buffer): Generator<RecordPart, void> {
    let at = 0;
    while (at < chunk.length) {
      if (this.#known < RECORD_HEADER) {
        const copied = chunk.copy(this.#header, this.#known, at);
        this.#known += copied;
        at += copied;
        if (this.#known < RECORD_HEADER) return;
        this.#missing = this.#header.readUInt16BE(3);
      }
      const content = chunk.subarray(at, at + this.#missing);
      at += content.length;
      this.#missing -= content.length;
      const isLast = this.#missing === 0;
      if (isLast) this.#known = 0;
      else if (content.length === 0) return;
      yield { type: this.#type(), length: this.#header.readUInt16BE(3), content, end: at, isLast };
    }
  }

  /** The minor version says nothing, and is not looked at. */
  #type(): number | null {
    return this.#header[1] === 3 ? (this.#header[0] ?? null) : null;
  }
}
