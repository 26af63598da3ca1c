import { type Rule, compareDescriptions } from "#policy/model/rule.ts";
import { type Limit, limitOf, notAfterOf } from "./conditions.ts";

/** A set of rules, of which there is only one object however it came about. */
export interface RuleSet {
  /** Ascending. */
  readonly numbers: readonly number[];
  /** In the order in which they are reported. */
  readonly rules: readonly Rule[];
  /** From when on the set no longer decides what it decides now; ms since 1970. */
  readonly notAfter: number | null;
  readonly limit: Limit | null;
  /** Whether all of them let connections pass as long as the proxy does not work. */
  readonly failsOpen: boolean;
}

/** Numbers rules, and keeps sets of them unique: two sets are equal exactly if they are the same object. */
export class RuleSets {
  readonly empty: RuleSet = { numbers: [], rules: [], notAfter: null, limit: null, failsOpen: false };
  readonly #rules: Rule[] = [];
  readonly #numbers = new Map<Rule, number>();
  readonly #sets = new Map<number, RuleSet[]>();

  numberOf(rule: Rule): number {
    const known = this.#numbers.get(rule);
    if (known !== undefined) return known;
    this.#numbers.set(rule, this.#rules.length);
    return this.#rules.push(rule) - 1;
  }

  rule(number: number): Rule {
    return this.#rules[number] as Rule;
  }

  /** The set of these rules, in any order, also with repetitions. */
  of(numbers: readonly number[]): RuleSet {
    if (numbers.length === 0) return this.empty;
    const sorted = numbers.length === 1 ? numbers : sortUnique(numbers);
    const hash = hashNumbers(sorted);
    const sets = this.#sets.get(hash);
    const known = sets?.find((set) => equalNumbers(set.numbers, sorted));
    if (known) return known;
    const rules = sorted.map((number) => this.#rules[number] as Rule);
    if (rules.length > 1) rules.sort((a, b) => compareDescriptions(a.description, b.description));
    const failsOpen = rules.every(({ controls }) => controls.failsOpen === true);
    const set = { numbers: sorted, rules, notAfter: notAfterOf(rules), limit: limitOf(rules), failsOpen };
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
