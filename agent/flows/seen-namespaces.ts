/** How many are kept before old ones are looked for. */
const many = 1024;

/** When each namespace had its latest flow. Times in nanoseconds since 1970. */
export class SeenNamespaces {
  readonly #latest = new Map<string, bigint>();
  readonly #age: bigint;

  /** @param age how long, in ns, one without flows is remembered. */
  constructor(age: bigint) {
    this.#age = age;
  }

  note(namespace: string, time: bigint): void {
    if (this.#latest.size >= many && !this.#latest.has(namespace)) this.#forget(time);
    this.#latest.set(namespace, time);
  }

  /** Those that had a flow within the age before `now`, by name. */
  list(now: bigint): readonly string[] {
    this.#forget(now);
    return [...this.#latest.keys()].toSorted();
  }

  #forget(now: bigint): void {
    for (const [namespace, time] of this.#latest) {
      if (now - time > this.#age) this.#latest.delete(namespace);
    }
  }
}
