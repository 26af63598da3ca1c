/**
 * Removals of addresses from a table that is walked for them. One walk serves all that ask before it begins:
 * a walk of a full table takes seconds.
 */
export class AddressRemoval {
  readonly #removeAll: (gone: ReadonlySet<string>) => Promise<number>;
  #leaving = new Set<string>();
  #walk: Promise<unknown> = Promise.resolve();
  #nextWalk: Promise<number> | null = null;

  /** @param removeAll removes all entries of some addresses and says how many. */
  constructor(removeAll: (gone: ReadonlySet<string>) => Promise<number>) {
    this.#removeAll = removeAll;
  }

  /** Says how many entries the walk removed. */
  remove(addresses: readonly string[]): Promise<number> {
    for (const address of addresses) this.#leaving.add(address);
    this.#nextWalk ??= this.#walk.then(() => this.#removeLeaving());
    return this.#nextWalk;
  }

  #removeLeaving(): Promise<number> {
    const gone = this.#leaving;
    this.#leaving = new Set();
    this.#nextWalk = null;
    const walk = this.#removeAll(gone);
    this.#walk = Promise.allSettled([walk]);
    return walk;
  }
}
