import { Fields, readFieldLine } from "./fields.ts";
import { Refusal } from "./message.ts";
import type { BodyLength } from "./message.ts";

const LF = 0x0a;
const CR = 0x0d;
/** RFC 9112, section 7.1; without extensions, which would have to be understood or dropped: no client needs them. */
const CHUNK_SIZE = /^[0-9A-Fa-f]{1,8}$/;
const LONGEST_SIZE_LINE = 8 + 2;
/** What may not come behind a body, as it decides what is done with the message: RFC 9110, section 6.5.1. */
const NOT_IN_TRAILERS = new Set(
  (
    "age authorization cache-control connection content-encoding content-length content-range content-type cookie date expect " +
    "expires host if-match if-modified-since if-none-match if-range if-unmodified-since keep-alive location max-forwards " +
    "pragma proxy-authenticate proxy-authorization proxy-connection range retry-after set-cookie te trailer transfer-encoding " +
    "upgrade vary warning www-authenticate"
  ).split(" "),
);

const NO_TRAILERS = new Fields();

export interface BodyLimits {
  readonly headBytes: number;
  readonly headFields: number;
}

/** Reads one body out of what comes in pieces. */
export class BodyReader {
  readonly #limits: BodyLimits;
  /** Bytes to come, of the body or of the chunk. */
  #left = 0;
  #state: "data" | "size" | "data end" | "trailers" | "until close" | "done" = "done";
  /** A line of the chunked coding that has not come whole. */
  #line = "";
  #lineBytes = 0;
  #isChunked = false;
  #trailers = NO_TRAILERS;

  constructor(limits: BodyLimits) {
    this.#limits = limits;
  }

  /** A new body. */
  begin(length: BodyLength): void {
    this.#isChunked = length === "chunked";
    this.#left = typeof length === "number" ? length : 0;
    this.#line = "";
    this.#lineBytes = 0;
    if (length === "close") this.#state = "until close";
    else if (length === "chunked") this.#state = "size";
    else this.#state = length === 0 ? "done" : "data";
    this.#trailers = this.#isChunked ? new Fields() : NO_TRAILERS;
  }

  get isDone(): boolean {
    return this.#state === "done";
  }

  get endsWithConnection(): boolean {
    return this.#state === "until close";
  }

  /** Once it is done: the fields behind a chunked body that may be there. */
  get trailers(): Fields {
    return this.#trailers;
  }

  /**
   * Reads on, and calls for each piece of the content.
   * @returns where in the bytes what is not of this body begins
   */
  read(bytes: Buffer, onData: (data: Buffer) => void): number | Refusal {
    let offset = 0;
    while (offset < bytes.length && this.#state !== "done") {
      if (this.#state === "data" || this.#state === "until close") {
        offset = this.#readData(bytes, offset, onData);
        continue;
      }
      const end = this.#readLine(bytes, offset);
      if (end instanceof Refusal) return end;
      offset = end.offset;
      const refusal = end.line === null ? null : this.#takeLine(end.line);
      if (refusal) return refusal;
    }
    return offset;
  }

  #readData(bytes: Buffer, offset: number, onData: (data: Buffer) => void): number {
    if (this.#state === "until close") {
      onData(offset === 0 ? bytes : bytes.subarray(offset));
      return bytes.length;
    }
    const end = Math.min(bytes.length, offset + this.#left);
    this.#left -= end - offset;
    if (this.#left === 0) this.#state = this.#isChunked ? "data end" : "done";
    onData(offset === 0 && end === bytes.length ? bytes : bytes.subarray(offset, end));
    return end;
  }

  /** The next line without its end; null: it is not whole yet. */
  #readLine(bytes: Buffer, offset: number): { readonly offset: number; readonly line: string | null } | Refusal {
    const limit = this.#state === "trailers" ? this.#limits.headBytes : LONGEST_SIZE_LINE;
    const feed = bytes.indexOf(LF, offset);
    const end = feed < 0 ? bytes.length : feed + 1;
    this.#lineBytes += end - offset;
    if (this.#lineBytes > limit) return new Refusal("a line of a chunked body that is too long");
    this.#line += bytes.toString("latin1", offset, end);
    if (feed < 0) return { offset: end, line: null };
    if (this.#line.charCodeAt(this.#line.length - 2) !== CR) return new Refusal("a bare LF");
    const line = this.#line.slice(0, -2);
    this.#line = "";
    // Trailers are bounded together.
    if (this.#state !== "trailers") this.#lineBytes = 0;
    return { offset: end, line };
  }

  #takeLine(line: string): Refusal | null {
    switch (this.#state) {
      case "size":
        if (!CHUNK_SIZE.test(line)) return new Refusal("a chunk size that is none");
        this.#left = Number.parseInt(line, 16);
        this.#state = this.#left === 0 ? "trailers" : "data";
        return null;
      case "data end":
        if (line !== "") return new Refusal("a chunk that is longer than its size");
        this.#state = "size";
        return null;
      default:
        return this.#takeTrailer(line);
    }
  }

  #takeTrailer(line: string): Refusal | null {
    if (line === "") {
      this.#state = "done";
      return null;
    }
    const field = readFieldLine(line);
    if (!field) return new Refusal("a trailer that is no field");
    if (this.#trailers.written.length >= this.#limits.headFields) return new Refusal("too many trailers");
    if (!NOT_IN_TRAILERS.has(field.name)) this.#trailers.add(field.written, field.name, field.value);
    return null;
  }
}
