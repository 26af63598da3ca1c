import type { PolicyEngine } from "#policy/compile/engine.ts";
import { contentHash } from "#policy/model/hash.ts";
import { objectKey } from "#policy/model/object.ts";
import { compareDescriptions, type Policy, type RuleDescription, type Verdict } from "#policy/model/rule.ts";
import type { StagedJudgement } from "./staged-policy.ts";

/** How often something that is staged would have made a difference. */
export interface StagedCount {
  readonly denied: number;
  readonly allowed: number;
  readonly redirected: number;
  /** Of the last one: nanoseconds since 1970; null: there was none. */
  readonly last: bigint | null;
}

/** Something that is staged: a rule, or, with an empty `rule`, an object as a whole, for what it denies without one. */
export interface StagedItem extends RuleDescription, StagedCount {}

/** A rule of an object, or an object; may be several in the engine. */
interface Counted {
  readonly description: RuleDescription;
  /** Other after every change of content or place. */
  readonly keys: string[];
  count: StagedCount;
}

const NONE: StagedCount = { denied: 0, allowed: 0, redirected: 0, last: null };

/** What nothing that is staged can be named for. */
const OTHER: RuleDescription = { kind: "", namespace: "", name: "default deny", rule: "", file: "", line: null };

const FIELDS = { deny: "denied", allow: "allowed", redirect: "redirected" } as const satisfies Record<Verdict, string>;

/**
 * Counts what everything staged would have done, from when it came into force in its present form. There
 * is one count for each staged rule in force, so the policy bounds them.
 */
export class StagedCounts {
  readonly #enforcement: { readonly engine: PolicyEngine };
  #engine: PolicyEngine | null = null;
  readonly #counted = new Map<string, Counted>();
  /** Rules by their keys. */
  readonly #byCause = new Map<string | Policy, Counted>();
  #other = makeCounted(OTHER);

  /** @param enforcement says which engine is in force. */
  constructor(enforcement: { readonly engine: PolicyEngine }) {
    this.#enforcement = enforcement;
  }

  /** @param time Nanoseconds since 1970. */
  count({ outcome, causes }: StagedJudgement, time: bigint): void {
    this.#follow();
    const field = FIELDS[outcome.verdict];
    const named = new Set(causes.flatMap((cause) => this.#byCause.get("key" in cause ? cause.key : cause) ?? []));
    for (const one of named.size > 0 ? named : [this.#other]) {
      one.count = { ...one.count, [field]: one.count[field] + 1, last: time };
    }
  }

  /** Everything that is staged, also what has made no difference yet. */
  list(): StagedItem[] {
    this.#follow();
    const counted = [...this.#counted.values()].sort((a, b) => compareDescriptions(a.description, b.description));
    const all = this.#other.count.last === null ? counted : [...counted, this.#other];
    return all.map(({ description, count }) => ({ ...description, ...count }));
  }

  #follow(): void {
    const { engine } = this.#enforcement;
    if (engine === this.#engine) return;
    this.#engine = engine;
    const before = new Map([...this.#counted.values()].map(({ keys, count }) => [keys.join(), count]));
    this.#counted.clear();
    this.#byCause.clear();
    for (const policy of engine.policies) {
      const { description, isStaged, rules } = policy;
      if (isStaged) this.#add({ ...description, rule: "" }, contentHash(JSON.stringify(policy)), policy);
      for (const rule of rules) if (rule.controls.staged) this.#add(rule.description, rule.key, rule.key);
    }
    for (const counted of this.#counted.values()) counted.count = before.get(counted.keys.join()) ?? NONE;
    if (this.#counted.size === 0) this.#other = makeCounted(OTHER);
  }

  #add(description: RuleDescription, key: string, cause: string | Policy): void {
    const name = `${objectKey(description)} ${description.rule}`;
    const counted = this.#counted.get(name) ?? makeCounted(description);
    counted.keys.push(key);
    this.#counted.set(name, counted);
    this.#byCause.set(cause, counted);
  }
}

function makeCounted(description: RuleDescription): Counted {
  return { description, keys: [], count: NONE };
}
