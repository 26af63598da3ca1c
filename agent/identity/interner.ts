import { IdentityError } from "./errors.ts";

export interface InternerOptions {
  /** What is numbered, for error messages: `set of CIDRs`. */
  readonly what: string;
  readonly first: number;
  readonly last: number;
  /** How many values that nobody uses any more keep their number. */
  readonly rest: number;
  /** Told of a value that gets a number, before anybody sees it. */
  readonly made: (id: number, value: string) => void;
  /** Told of a number that is free again. */
  readonly forgotten: (id: number) => void;
}

/**
 * One number for each distinct text, for as long as it is in use.
 *
 * Numbers are handed out upwards, and one that is free again comes round only when all
 * others were used. A text that goes out of use rests for a while and, when it is wanted
 * again, has the number that it had.
 */
export class Interner {
  readonly #options: InternerOptions;
  readonly #ids = new Map<string, number>();
  readonly #values = new Map<number, string>();
  /** In the order in which they went out of use. */
  readonly #resting = new Set<number>();
  #next: number;

  constructor(options: InternerOptions) {
    this.#options = options;
    this.#next = options.first;
  }

  /** The number to be handed out next, unless it is taken. */
  get next(): number {
    return this.#next;
  }

  get size(): number {
    return this.#values.size;
  }

  /** Takes over what an earlier life has handed out. */
  restore(id: number, value: string): void {
    this.#ids.set(value, id);
    this.#values.set(id, value);
    this.continueAfter(id);
  }

  /** Takes back what {@link restore} has said. */
  drop(id: number): void {
    const value = this.#values.get(id);
    if (value !== undefined) this.#ids.delete(value);
    this.#values.delete(id);
    this.#resting.delete(id);
  }

  continueAfter(id: number): void {
    this.#next = id >= this.#options.last ? this.#options.first : id + 1;
  }

  /** @throws IdentityError `exhausted`. */
  intern(value: string): number {
    const known = this.#ids.get(value);
    if (known !== undefined) {
      this.#resting.delete(known);
      return known;
    }
    const id = this.#free();
    this.#options.made(id, value);
    this.restore(id, value);
    return id;
  }

  /** The number of a text that has one already. */
  find(value: string): number | undefined {
    return this.#ids.get(value);
  }

  value(id: number): string | undefined {
    return this.#values.get(id);
  }

  entries(): IterableIterator<[number, string]> {
    return this.#values.entries();
  }

  /** Says which numbers are in use. The others rest, and are forgotten when too many do. */
  retain(inUse: ReadonlySet<number>): void {
    for (const id of this.#values.keys()) {
      if (inUse.has(id)) this.#resting.delete(id);
      else this.#resting.add(id);
    }
    for (const id of this.#resting) {
      if (this.#resting.size <= this.#options.rest) break;
      this.drop(id);
      this.#options.forgotten(id);
    }
  }

  #free(): number {
    const { first, last, what } = this.#options;
    const count = last - first + 1;
    if (this.#values.size >= count) {
      throw new IdentityError("exhausted", { asked: `number a ${what}`, obstacle: `all ${count} numbers are taken` });
    }
    while (this.#values.has(this.#next)) this.continueAfter(this.#next);
    return this.#next;
  }
}
