import { IdentityRange } from "#agent/datapath/layouts.gen.ts";
import { Journal } from "#agent/runtime/journal.ts";
import * as z from "zod";
import { Interner } from "./interner.ts";

const { CLASS_FIRST, CLASS_LAST } = IdentityRange;

/** `cidrs` null: the number is free. A record of its own keeps the place over a rewrite. */
const record = z.union([
  z.object({ id: z.int().min(CLASS_FIRST).max(CLASS_LAST), cidrs: z.array(z.string()).nullable() }),
  z.object({ last: z.int().min(CLASS_FIRST).max(CLASS_LAST) }),
]);
type ClassRecord = z.infer<typeof record>;

const REST = 4096;
const SLACK = 4096;

/**
 * Numbers for address classes: sets of CIDRs, as rules use them. Local to the node, kept
 * over restarts because the kernel's maps still speak of them.
 */
export class AddressClasses implements Disposable {
  readonly #journal: Journal<ClassRecord>;
  readonly #interner: Interner;

  /** @throws JournalError when the file is damaged other than at its end. */
  constructor(path: string) {
    const { journal, records } = Journal.open(path, record);
    this.#journal = journal;
    this.#interner = new Interner({
      what: "set of CIDRs",
      first: CLASS_FIRST,
      last: CLASS_LAST,
      rest: REST,
      made: (id, value) => this.#write({ id, cidrs: value.split(",") }),
      forgotten: (id) => this.#write({ id, cidrs: null }),
    });
    for (const entry of records) {
      if ("last" in entry) this.#interner.continueAfter(entry.last);
      else if (entry.cidrs === null) this.#interner.drop(entry.id);
      else this.#interner.restore(entry.id, entry.cidrs.join(","));
    }
  }

  /**
   * The number of a set of CIDRs, in canonical text; 0 for the empty one.
   *
   * @throws IdentityError `exhausted`.
   */
  intern(cidrs: readonly string[]): number {
    return cidrs.length === 0 ? 0 : this.#interner.intern([...cidrs].sort().join(","));
  }

  /** The set behind a number, sorted; undefined for a number that stands for none. */
  lookup(addressClass: number): readonly string[] | undefined {
    return this.#interner.value(addressClass)?.split(",");
  }

  /**
   * Says which numbers addresses or policy entries still have. The others may be
   * forgotten; the latest few thousand of them keep their number and come back with it.
   */
  retain(inUse: ReadonlySet<number>): void {
    this.#interner.retain(inUse);
  }

  [Symbol.dispose](): void {
    this.#journal[Symbol.dispose]();
  }

  #write(entry: ClassRecord): void {
    if (this.#journal.length > 2 * this.#interner.size + SLACK) {
      const { next } = this.#interner;
      const alive = [...this.#interner.entries()].map(([id, value]) => ({ id, cidrs: value.split(",") }));
      this.#journal.rewrite([...alive, { last: next === CLASS_FIRST ? CLASS_LAST : next - 1 }]);
    }
    this.#journal.append(entry);
  }
}
