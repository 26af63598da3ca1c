import * as z from "zod";
import { writeFileAtomic, readJsonFile } from "./files.ts";
import { WeirError } from "./errors.ts";

const state = z.object({ reserved: z.int().min(0) });

/** Numbers that one write of the file reserves; a restart skips those that were not used. */
const BLOCK = 1024;

export class CounterError extends WeirError<"counter-unreadable" | "counter-exhausted"> {}

/** Counts up from 1 and never gives a number twice, also not after a crash. */
export class PersistentCounter {
  readonly #path: string;
  readonly #last: number;
  #next: number;
  #reserved: number;

  /**
   * @param last the greatest number that may be given.
   * @throws CounterError when the file is there but cannot be read.
   */
  constructor(path: string, last: number) {
    this.#path = path;
    this.#last = last;
    const file = readJsonFile(path, state);
    if (!file.ok && !file.missing) {
      throw new CounterError("counter-unreadable", {
        asked: `continue the numbers of ${path}`,
        obstacle: file.message,
        remedy: "restore the file, or move the whole state folder away",
      });
    }
    this.#reserved = file.ok ? file.value.reserved : 0;
    this.#next = this.#reserved + 1;
  }

  next(): number {
    if (this.#next > this.#last) {
      throw new CounterError("counter-exhausted", {
        asked: `take a number of ${this.#path}`,
        obstacle: `all up to ${this.#last} were used`,
      });
    }
    if (this.#next > this.#reserved) {
      this.#reserved = Math.min(this.#next + BLOCK - 1, this.#last);
      writeFileAtomic(this.#path, JSON.stringify({ reserved: this.#reserved }));
    }
    return this.#next++;
  }
}
