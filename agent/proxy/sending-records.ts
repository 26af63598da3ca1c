import type { RequestRecord } from "./request-record.ts";
import { recordText } from "./record-text.ts";
import { recordsLine } from "./child-messages.ts";

/** Characters of a line of records, about. */
const LINE = 64 * 1024;
/** Characters of all that waits; what came first goes first. */
const BOUND = 4 * 1024 * 1024;

/**
 * The records of a child on their way to its parent: as texts, so that nobody after it has to read them, and bounded,
 * whether many small ones or few large ones.
 */
export class SendingRecords {
  #texts: string[] = [];
  /** The first of {@link #texts} that has not been given out. */
  #first = 0;
  #length = 0;
  #lost = 0;

  /** How many were dropped since the start. */
  get lost(): number {
    return this.#lost;
  }

  get isEmpty(): boolean {
    return this.#first === this.#texts.length;
  }

  add(record: RequestRecord): void {
    const text = recordText(record);
    this.#texts.push(text);
    this.#length += text.length;
    while (this.#length > BOUND) {
      this.#length -= this.#shift().length;
      this.#lost++;
    }
  }

  /** A line of the oldest ones, or null where there is none. */
  take(): string | null {
    if (this.isEmpty) return null;
    const taken: string[] = [];
    for (let length = 0; length < LINE && !this.isEmpty;) {
      const text = this.#shift();
      length += text.length;
      taken.push(text);
    }
    this.#length -= taken.reduce((sum, { length }) => sum + length, 0);
    return recordsLine(taken);
  }

  #shift(): string {
    const text = this.#texts[this.#first] ?? "";
    this.#texts[this.#first++] = "";
    if (this.#first > 1024 && this.#first * 2 > this.#texts.length) {
      this.#texts = this.#texts.slice(this.#first);
      this.#first = 0;
    }
    return text;
  }
}
