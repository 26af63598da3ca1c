import { Journal } from "#agent/runtime/journal.ts";
import * as z from "zod";

const record = z.object({ path: z.string(), text: z.string().nullable() });

const SLACK = 256;

/**
 * What each file of a folder last held that was valid, kept over restarts: an agent that
 * starts beside a malformed file goes on with what was in force before.
 */
export class LastValidFiles implements Disposable {
  readonly #journal: Journal<z.infer<typeof record>>;
  readonly #texts = new Map<string, string>();

  /** @throws JournalError when the file is damaged other than at its end. */
  constructor(path: string) {
    const { journal, records } = Journal.open(path, record);
    this.#journal = journal;
    for (const { path: file, text } of records) {
      if (text === null) this.#texts.delete(file);
      else this.#texts.set(file, text);
    }
  }

  get(path: string): string | undefined {
    return this.#texts.get(path);
  }

  paths(): string[] {
    return [...this.#texts.keys()];
  }

  keep(path: string, text: string): void {
    if (this.#texts.get(path) === text) return;
    this.#texts.set(path, text);
    this.#append(path, text);
  }

  /** Forgets all files but these. */
  retain(paths: ReadonlySet<string>): void {
    for (const path of this.#texts.keys()) {
      if (paths.has(path)) continue;
      this.#texts.delete(path);
      this.#append(path, null);
    }
  }

  [Symbol.dispose](): void {
    this.#journal[Symbol.dispose]();
  }

  #append(path: string, text: string | null): void {
    if (this.#journal.length > 2 * this.#texts.size + SLACK) {
      this.#journal.rewrite([...this.#texts].map(([file, kept]) => ({ path: file, text: kept })));
    } else {
      this.#journal.append({ path, text });
    }
  }
}
