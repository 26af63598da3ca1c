import { rmSync } from "node:fs";
import * as z from "zod";
import { Journal, JournalError } from "#agent/runtime/journal.ts";
import type { NamedAddress } from "./name-table.ts";
import type { LearnedName } from "./name-table.ts";

const record = z.union([
  z.object({ boot: z.string() }),
  z.object({ name: z.string(), addresses: z.array(z.tuple([z.string(), z.number()])), endpoint: z.int() }),
]);
type NamesRecord = z.infer<typeof record>;

/** Pairs of a name and an address beyond those of a file that has just been written anew. */
const SLACK = 65_536;

/** The names that an agent has learned, for the next one. Of an earlier boot of the machine nothing counts: no pod of it lives. */
export class NamesJournal implements Disposable {
  readonly #journal: Journal<NamesRecord>;
  readonly #boot: string;
  /** Pairs that the file has, and that it had when it was written anew. */
  #pairs: number;
  #written: number;

  private constructor(journal: Journal<NamesRecord>, boot: string, pairs: number) {
    this.#journal = journal;
    this.#boot = boot;
    this.#pairs = pairs;
    this.#written = pairs;
  }

  /**
   * A file that is damaged is begun anew: the names are learned again with the next answers.
   *
   * @param boot Tells this boot of the machine from every other.
   */
  static open(
    path: string,
    boot: string,
  ): { journal: NamesJournal; names: LearnedName[]; damage: JournalError | null } {
    let damage: JournalError | null = null;
    let opened: { journal: Journal<NamesRecord>; records: NamesRecord[] };
    try {
      opened = Journal.open(path, record);
    } catch (error) {
      if (!(error instanceof JournalError)) throw error;
      damage = error;
      rmSync(path);
      opened = Journal.open(path, record);
    }
    const { journal, records } = opened;
    const isOfThisBoot = records.some((one) => "boot" in one && one.boot === boot);
    const names = isOfThisBoot ? records.filter((one) => "name" in one) : [];
    if (!isOfThisBoot) journal.rewrite([{ boot }]);
    return { journal: new NamesJournal(journal, boot, countPairs(names)), names, damage };
  }

  /** @param all Everything that is known, for when the file is written anew. */
  append(learned: readonly LearnedName[], all: () => Iterable<NamedAddress>): void {
    const added = countPairs(learned);
    // Not the lines: one answer may have thousands of addresses.
    if (this.#pairs + added <= 2 * this.#written + SLACK) {
      this.#journal.append(...learned.map(toRecord));
      this.#pairs += added;
      return;
    }
    const known = [...all()].map(({ name, address, until, endpoints }): NamesRecord => {
      return { name, addresses: [[address, until]], endpoint: endpoints[0] ?? 0 };
    });
    this.#journal.rewrite([{ boot: this.#boot }, ...known]);
    this.#pairs = known.length;
    this.#written = known.length;
  }

  [Symbol.dispose](): void {
    this.#journal[Symbol.dispose]();
  }
}

function toRecord({ name, addresses, endpoint }: LearnedName): NamesRecord {
  return { name, addresses: addresses.map(([address, until]) => [address, until]), endpoint };
}

function countPairs(names: readonly LearnedName[]): number {
  return names.reduce((sum, { addresses }) => sum + addresses.length, 0);
}
