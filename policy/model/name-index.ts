import { matchesName } from "./name-match.ts";

/** Stands for a label that no rule names, where a pattern takes any. */
const SAMPLE = "weir-sample-0";

/** Finds which of many rules' texts (names and patterns, see {@link matchesName}) mean a DNS name. */
export class NameIndex {
  readonly #names: ReadonlySet<string>;
  readonly #patterns: readonly string[];

  constructor(texts: Iterable<string>) {
    const all = [...new Set(texts)].sort();
    this.#names = new Set(all.filter((text) => !text.includes("*")));
    this.#patterns = all.filter((text) => text.includes("*"));
  }

  get size(): number {
    return this.#names.size + this.#patterns.length;
  }

  /** The texts that mean a name (lower case, without the trailing dot). */
  matching(name: string): string[] {
    const found = this.#patterns.filter((pattern) => matchesName(pattern, name));
    if (this.#names.has(name)) found.push(name);
    return found;
  }

  /**
   * The sets of texts that mean what rules were probably written for: each name; of each pattern a name that nothing
   * else is said of. Sets, not names: each once.
   */
  likely(): string[][] {
    const samples = [...this.#names];
    for (const pattern of this.#patterns) {
      const several = pattern.startsWith("**.");
      const one = pattern.slice(several ? "**.".length : 0).replaceAll("*", SAMPLE);
      if (several) samples.push(`${SAMPLE}.${one}`, `${SAMPLE}.${SAMPLE}.${one}`);
      else samples.push(one);
    }
    const sets = samples.map((name) => this.matching(name)).filter((set) => set.length > 0);
    return [...new Map(sets.map((set) => [set.join(), set])).values()];
  }
}
