import type { PolicyEngine } from "#policy/compile/engine.ts";
import { objectKey } from "#policy/model/object.ts";
import { compareDescriptions, type RuleDescription, type Verdict } from "#policy/model/rule.ts";
import { DEFAULT_DENY, policyKey, type StagedJudgement } from "./staged-policy.ts";

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

/** A rule of an object, or an object, may be several in the engine. */
interface Named {
  readonly description: RuleDescription;
  readonly keys: string[];
  count: StagedCount;
}

const NONE: StagedCount = { denied: 0, allowed: 0, redirected: 0, last: null };

const FIELDS = { deny: "denied", allow: "allowed", redirect: "redirected" } as const satisfies Record<Verdict, string>;

/**
 * Counts what everything staged would have done, from when it came into force in its present form. There
 * is one count for each staged rule in force, so the policy bounds them.
 */
export class StagedCounts {
  readonly #enforcement: { readonly engine: PolicyEngine };
  #engine: PolicyEngine | null = null;
  #named: readonly Named[] = [];
  #byKey = new Map<string, Named>();

  /** @param enforcement says which engine is in force. */
  constructor(enforcement: { readonly engine: PolicyEngine }) {
    this.#enforcement = enforcement;
  }

  /** @param time Nanoseconds since 1970. */
  count({ outcome, causes }: StagedJudgement, time: bigint): void {
    this.#follow();
    const field = FIELDS[outcome.verdict];
    for (const named of new Set(causes.map((key) => this.#byKey.get(key)))) {
      if (named) named.count = { ...named.count, [field]: named.count[field] + 1, last: time };
    }
  }

  /** Everything that is staged, also what has made no difference yet. */
  list(): StagedItem[] {
    this.#follow();
    return this.#named
      .filter(({ description, count }) => description !== OTHER || count.last !== null)
      .map(({ description, count }) => ({ ...description, ...count }));
  }

  #follow(): void {
    const { engine } = this.#enforcement;
    if (engine === this.#engine) return;
    this.#engine = engine;
    const before = new Map(this.#named.map((named) => [named.keys.join(), named.count]));
    this.#named = stagedOf(engine);
    this.#byKey = new Map();
    for (const named of this.#named) {
      named.count = before.get(named.keys.join()) ?? NONE;
      for (const key of named.keys) this.#byKey.set(key, named);
    }
  }
}

const OTHER: RuleDescription = { kind: "", namespace: "", name: DEFAULT_DENY, rule: "", file: "", line: null };

function stagedOf({ policies }: PolicyEngine): Named[] {
  const found = new Map<string, Named>();
  const add = (description: RuleDescription, key: string): void => {
    const name = `${objectKey(description)} ${description.rule}`;
    const known = found.get(name);
    if (known) known.keys.push(key);
    else found.set(name, { description, keys: [key], count: NONE });
  };
  for (const policy of policies) {
    if (policy.isStaged) add({ ...policy.description, rule: "" }, policyKey(policy));
    for (const { controls, description, key } of policy.rules) if (controls.staged) add(description, key);
  }
  const named = [...found.values()].sort((a, b) => compareDescriptions(a.description, b.description));
  return named.length === 0 ? [] : [...named, { description: OTHER, keys: [DEFAULT_DENY], count: NONE }];
}
