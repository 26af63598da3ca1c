import { Journal } from "#agent/runtime/journal.ts";
import type { Rule, RuleDescription } from "#policy/model/rule.ts";
import * as z from "zod";
import { Interner } from "./interner.ts";

/** What is kept of a rule: enough to name it when the policy itself is long gone. */
export type ReferencedRule = Pick<Rule, "key" | "description">;

const description = z.object({
  kind: z.string(),
  namespace: z.string(),
  name: z.string(),
  rule: z.string(),
  file: z.string(),
  line: z.int().nullable(),
}) satisfies z.ZodType<RuleDescription>;

/**
 * A rule gets a number of its own, so that a set is a short list: thousands of sets may
 * share hundreds of rules. `set` null: the reference is free.
 */
const record = z.union([
  z.object({ rule: z.int(), key: z.string(), description }),
  z.object({ reference: z.int(), set: z.array(z.int()).nullable() }),
  z.object({ last: z.int(), lastRule: z.int() }),
]);
type ReferenceRecord = z.infer<typeof record>;

const LAST = 2 ** 32 - 1;
const REST = 65_536;
const SLACK = 16_384;

/**
 * Rule references: numbers for immutable sets of rules, which policy entries in the
 * kernel and events carry. They only grow, and are kept over restarts because the kernel
 * still has them. 0 stands for the empty set.
 */
export class RuleReferences implements Disposable {
  readonly #journal: Journal<ReferenceRecord>;
  readonly #interner: Interner;
  readonly #rules = new Map<number, RuleDescription>();
  readonly #ruleNumbers = new Map<string, number>();
  /** The compiler gives the same array for the same set; this saves building its text. */
  #seen = new WeakMap<readonly ReferencedRule[], number>();
  #lastRule = 0;

  /**
   * @param rest how many references that no entry holds any more are kept for late events.
   * @throws JournalError when the file is damaged other than at its end.
   */
  constructor(path: string, rest: number = REST) {
    const { journal, records } = Journal.open(path, record);
    this.#journal = journal;
    this.#interner = new Interner({
      what: "set of rules",
      first: 1,
      last: LAST,
      rest,
      made: (reference, value) => this.#journal.append({ reference, set: ruleNumbers(value) }),
      forgotten: (reference) => this.#journal.append({ reference, set: null }),
    });
    for (const entry of records) this.#replay(entry);
  }

  /** The number of a set of rules, in whatever order it is given. */
  intern(rules: readonly ReferencedRule[]): number {
    if (rules.length === 0) return 0;
    const seen = this.#seen.get(rules);
    if (seen !== undefined) return seen;
    const numbers = [...new Set(rules.map((rule) => this.#ruleNumber(rule)))].sort((a, b) => a - b);
    const reference = this.#interner.intern(numbers.join(","));
    this.#seen.set(rules, reference);
    this.#compactIfLong();
    return reference;
  }

  /** The number of a set of rules that has one already; 0 for the empty set. */
  find(rules: readonly ReferencedRule[]): number | undefined {
    if (rules.length === 0) return 0;
    const numbers = rules.map(({ key }) => this.#ruleNumbers.get(key));
    if (!numbers.every((number) => number !== undefined)) return undefined;
    return this.#interner.find([...new Set(numbers)].sort((a, b) => a - b).join(","));
  }

  /** The rules behind a reference; empty for 0 and for a number that was never handed out or is forgotten. */
  lookup(reference: number): RuleDescription[] {
    const numbers = ruleNumbers(this.#interner.value(reference) ?? "");
    return numbers.map((number) => this.#rules.get(number)).filter((rule) => rule !== undefined);
  }

  /**
   * Says which references entries in the kernel still hold. The others may be forgotten;
   * the latest of them stay, for events that are on their way.
   */
  retain(inUse: ReadonlySet<number>): void {
    this.#seen = new WeakMap();
    this.#interner.retain(inUse);
    this.#compactIfLong();
  }

  [Symbol.dispose](): void {
    this.#journal[Symbol.dispose]();
  }

  #ruleNumber({ key, description }: ReferencedRule): number {
    const known = this.#ruleNumbers.get(key);
    if (known !== undefined) return known;
    const entry = { rule: this.#lastRule + 1, key, description };
    this.#journal.append(entry);
    this.#replay(entry);
    return entry.rule;
  }

  #replay(entry: ReferenceRecord): void {
    if ("rule" in entry) {
      this.#rules.set(entry.rule, entry.description);
      this.#ruleNumbers.set(entry.key, entry.rule);
      this.#lastRule = entry.rule;
    } else if ("last" in entry) {
      this.#interner.continueAfter(entry.last);
      this.#lastRule = entry.lastRule;
    } else if (entry.set === null) {
      this.#interner.drop(entry.reference);
    } else {
      this.#interner.restore(entry.reference, entry.set.join(","));
    }
  }

  /** Writes the file anew with what is still known, and forgets rules that no set has. */
  #compactIfLong(): void {
    if (this.#journal.length <= 2 * (this.#interner.size + this.#rules.size) + SLACK) return;
    const sets = [...this.#interner.entries()].map(([reference, value]) => ({ reference, set: ruleNumbers(value) }));
    const used = new Set(sets.flatMap(({ set }) => set));
    const rules: ReferenceRecord[] = [];
    for (const [key, rule] of this.#ruleNumbers) {
      const found = this.#rules.get(rule);
      if (found && used.has(rule)) {
        rules.push({ rule, key, description: found });
      } else {
        this.#ruleNumbers.delete(key);
        this.#rules.delete(rule);
      }
    }
    this.#journal.rewrite([...rules, ...sets, { last: this.#interner.next - 1, lastRule: this.#lastRule }]);
  }
}

function ruleNumbers(text: string): number[] {
  return text === "" ? [] : text.split(",").map(Number);
}
