import { align, littleEndian, viewOf } from "./bytes.ts";
import { NetlinkError } from "./error.ts";

/** Writes what follows a message's header: a fixed structure, then attributes. */
export class PayloadWriter {
  #bytes = new Uint8Array(256);
  #view = viewOf(this.#bytes);
  #length = 0;

  u8(value: number): this {
    this.#view.setUint8(this.#take(1), value);
    return this;
  }

  u16(value: number): this {
    this.#view.setUint16(this.#take(2), value, littleEndian);
    return this;
  }

  u32(value: number): this {
    this.#view.setUint32(this.#take(4), value, littleEndian);
    return this;
  }

  /** @throws NetlinkError `invalid` when the value is longer than an attribute can be. */
  attribute(type: number, value: Uint8Array): this {
    return this.nested(type, () => {
      this.#bytes.set(value, this.#take(value.length));
    });
  }

  attributeU8(type: number, value: number): this {
    return this.attribute(type, Uint8Array.of(value));
  }

  attributeU32(type: number, value: number): this {
    return this.nested(type, () => {
      this.u32(value);
    });
  }

  /** A text with its NUL, as names of devices and kinds want it. */
  attributeText(type: number, text: string): this {
    return this.attribute(type, new TextEncoder().encode(`${text}\0`));
  }

  /** An attribute whose value is whatever `body` writes. */
  nested(type: number, body: () => void): this {
    const start = this.#take(4);
    body();
    const length = this.#length - start;
    if (length > 0xffff) throw new NetlinkError("invalid", `write attribute ${type}: ${length} bytes are too many`);
    this.#view.setUint16(start, length, littleEndian);
    this.#view.setUint16(start + 2, type, littleEndian);
    this.#take(align(length) - length);
    return this;
  }

  /** The bytes written so far. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Claims zeroed bytes and says where they start. */
  #take(count: number): number {
    const start = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = viewOf(grown);
    }
    return start;
  }
}
