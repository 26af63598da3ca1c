import { matchesName } from "./name-match.ts";

/** Stands for a label that no rule names, where a pattern takes any. */
const SAMPLE = "weir-sample-0";

/**
 * Finds which of many rules' texts (names and patterns, see {@link matchesName}) mean a DNS name, at a cost that does not
 * grow with how many there are that end otherwise.
 */
export class NameIndex {
  readonly #names: ReadonlySet<string>;
  readonly #patterns: readonly string[];
  /** By the labels at their end that have no star. */
  readonly #byEnd = new Map<string, string[]>();

  constructor(texts: Iterable<string>) {
    const all = [...new Set(texts)].sort();
    this.#names = new Set(all.filter((text) => !text.includes("*")));
    this.#patterns = all.filter((text) => text.includes("*"));
    for (const pattern of this.#patterns) {
      const end = endOf(pattern);
      const alike = this.#byEnd.get(end);
      if (alike) alike.push(pattern);
      else this.#byEnd.set(end, [pattern]);
    }
  }

  get size(): number {
    return this.#names.size + this.#patterns.length;
  }

  /** The texts that mean a name (lower case, without the trailing dot). */
  matching(name: string): string[] {
    const found = this.#names.has(name) ? [name] : [];
    const add = (end: string): void => {
      for (const pattern of this.#byEnd.get(end) ?? []) if (matchesName(pattern, name)) found.push(pattern);
    };
    if (this.#byEnd.size === 0) return found;
    add("");
    for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) add(name.slice(dot + 1));
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

/** `*.a*.example.com`: `example.com`. Empty: there is a star in the last label. */
function endOf(pattern: string): string {
  const dot = pattern.indexOf(".", pattern.lastIndexOf("*"));
  return dot < 0 ? "" : pattern.slice(dot + 1);
}
