import { join } from "node:path";
import * as z from "zod";
import { readJsonFile, writeFileAtomic } from "#agent/runtime/files.ts";

/** Numbers are reserved on disk in blocks, so that an ADD costs no extra write. */
const block = 1024;

/**
 * Numbers that are never used twice on this node, also after a crash: what a crash leaves
 * of a block is skipped.
 */
export class Incarnations {
  readonly #path: string;
  #next: number;
  #reserved: number;

  /** @throws Error when the file is there but cannot be read: guessing could repeat a number. */
  constructor(stateDir: string) {
    this.#path = join(stateDir, "incarnation.json");
    const file = readJsonFile(this.#path, z.object({ reserved: z.int().min(1) }));
    if (!file.ok && !file.missing) throw new Error(`read incarnations: ${file.message}`);
    this.#reserved = file.ok ? file.value.reserved : 1;
    this.#next = this.#reserved;
  }

  next(): number {
    if (this.#next >= this.#reserved) {
      this.#reserved = this.#next + block;
      writeFileAtomic(this.#path, `${JSON.stringify({ reserved: this.#reserved })}\n`);
    }
    return this.#next++;
  }
}
