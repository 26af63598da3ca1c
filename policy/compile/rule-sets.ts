import { type Rule, compareDescriptions } from "#policy/model/rule.ts";

/** A set of rules, of which there is only one object however it came about. */
export interface RuleSet {
  /** Ascending. */
  readonly numbers: readonly number[];
  /** In the order in which they are reported. */
  readonly rules: readonly Rule[];
}

/** Keeps sets of rules unique, so that two of them are equal exactly if they are the same object. */
export class RuleSets {
  readonly empty: RuleSet = { numbers: [], rules: [] };
  readonly #rules: readonly Rule[];
  readonly #sets = new Map<number, RuleSet[]>();

  /** @param rules Numbers of rules are places in this list. */
  constructor(rules: readonly Rule[]) {
    this.#rules = rules;
  }

  /** The set of these rules, in any order, also with repetitions. */
  of(numbers: Iterable<number>): RuleSet {
    const sorted = [...new Set(numbers)].sort((a, b) => a - b);
    if (sorted.length === 0) return this.empty;
    const hash = hashNumbers(sorted);
    const sets = this.#sets.get(hash);
    const known = sets?.find((set) => equalNumbers(set.numbers, sorted));
    if (known) return known;
    const rules = sorted.map((number) => this.#rules[number] as Rule);
    rules.sort((a, b) => compareDescriptions(a.description, b.description));
    const set = { numbers: sorted, rules };
    if (sets) sets.push(set);
    else this.#sets.set(hash, [set]);
    return set;
  }

  union(a: RuleSet, b: RuleSet): RuleSet {
    if (a === b || b.numbers.length === 0) return a;
    return a.numbers.length === 0 ? b : this.of([...a.numbers, ...b.numbers]);
  }
}

function hashNumbers(numbers: readonly number[]): number {
  let hash = numbers.length;
  for (const number of numbers) hash = Math.imul(hash ^ number, 0x01000193) ^ (hash >>> 15);
  return hash;
}

function equalNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((number, i) => number === b[i]);
}
