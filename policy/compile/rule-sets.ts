import { type Rule, compareDescriptions } from "#policy/model/rule.ts";

/** A set of rules, of which there is only one object however it came about. */
export interface RuleSet {
  /** Ascending. */
  readonly numbers: readonly number[];
  readonly rules: readonly Rule[];
}

/**
 * Numbers rules in the order in which they are reported, and keeps sets of them unique:
 * two sets are equal exactly if they are the same object.
 */
export class RuleSets {
  readonly empty: RuleSet = { numbers: [], rules: [] };
  readonly #rules: readonly Rule[];
  readonly #numbers: ReadonlyMap<Rule, number>;
  readonly #sets = new Map<number, RuleSet[]>();

  constructor(rules: readonly Rule[]) {
    this.#rules = rules.toSorted((a, b) => compareDescriptions(a.description, b.description));
    this.#numbers = new Map(this.#rules.map((rule, number) => [rule, number]));
  }

  numberOf(rule: Rule): number {
    return this.#numbers.get(rule) as number;
  }

  /** The set of these rules, in any order, also with repetitions. */
  of(numbers: readonly number[]): RuleSet {
    if (numbers.length === 0) return this.empty;
    const sorted = numbers.length === 1 ? numbers : sortUnique(numbers);
    const hash = hashNumbers(sorted);
    const sets = this.#sets.get(hash);
    const known = sets?.find((set) => equalNumbers(set.numbers, sorted));
    if (known) return known;
    const set = { numbers: sorted, rules: sorted.map((number) => this.#rules[number] as Rule) };
    if (sets) sets.push(set);
    else this.#sets.set(hash, [set]);
    return set;
  }

  union(a: RuleSet, b: RuleSet): RuleSet {
    if (a === b || b.numbers.length === 0) return a;
    return a.numbers.length === 0 ? b : this.of([...a.numbers, ...b.numbers]);
  }
}

function sortUnique(numbers: readonly number[]): number[] {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted.filter((number, i) => i === 0 || number !== sorted[i - 1]);
}

function hashNumbers(numbers: readonly number[]): number {
  let hash = numbers.length;
  for (const number of numbers) hash = Math.imul(hash ^ number, 0x01000193) ^ (hash >>> 15);
  return hash;
}

function equalNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((number, i) => number === b[i]);
}
