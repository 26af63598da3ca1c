import { Journal } from "#agent/runtime/journal.ts";
import * as z from "zod";
import { Interner } from "./interner.ts";

/** `members` null: the number is free. A record of its own keeps the place over a rewrite. */
const record = z.union([
  z.object({ id: z.int(), members: z.array(z.string()).nullable() }),
  z.object({ last: z.int() }),
]);
type SetRecord = z.infer<typeof record>;

const REST = 4096;
const SLACK = 4096;

export interface NumberedSetsOptions {
  readonly path: string;
  /** What is numbered, for error messages: `set of address ranges`. */
  readonly what: string;
  readonly first: number;
  readonly last: number;
}

/**
 * Numbers for sets of words without commas: what rules say of addresses (address classes), labels of nodes.
 * Local to the node, kept over restarts because the kernel's maps still speak of them.
 */
export class NumberedSets implements Disposable {
  readonly #journal: Journal<SetRecord>;
  readonly #interner: Interner;
  readonly #first: number;
  readonly #last: number;

  /** @throws JournalError when the file is damaged other than at its end. */
  constructor({ path, what, first, last }: NumberedSetsOptions) {
    const { journal, records } = Journal.open(path, record);
    this.#journal = journal;
    this.#first = first;
    this.#last = last;
    this.#interner = new Interner({
      what,
      first,
      last,
      rest: REST,
      made: (id, value) => this.#write({ id, members: value.split(",") }),
      forgotten: (id) => this.#write({ id, members: null }),
    });
    for (const entry of records) {
      if ("last" in entry) this.#interner.continueAfter(entry.last);
      else if (entry.members === null) this.#interner.drop(entry.id);
      else this.#interner.restore(entry.id, entry.members.join(","));
    }
  }

  /**
   * The number of a set, in any order; 0 for the empty one.
   *
   * @throws IdentityError `exhausted`.
   */
  intern(members: readonly string[]): number {
    return members.length === 0 ? 0 : this.#interner.intern([...members].sort().join(","));
  }

  /** The set behind a number, sorted; undefined for a number that stands for none. */
  lookup(id: number): readonly string[] | undefined {
    return this.#interner.value(id)?.split(",");
  }

  /**
   * Says which numbers are still in use. The others may be
   * forgotten; the latest few thousand of them keep their number and come back with it.
   */
  retain(inUse: ReadonlySet<number>): void {
    this.#interner.retain(inUse);
  }

  [Symbol.dispose](): void {
    this.#journal[Symbol.dispose]();
  }

  #write(entry: SetRecord): void {
    if (this.#journal.length > 2 * this.#interner.size + SLACK) {
      const { next } = this.#interner;
      const alive = [...this.#interner.entries()].map(([id, value]) => ({ id, members: value.split(",") }));
      this.#journal.rewrite([...alive, { last: next === this.#first ? this.#last : next - 1 }]);
    }
    this.#journal.append(entry);
  }
}
