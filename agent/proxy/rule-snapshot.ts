import type { ProxyRule, RuleUpdate } from "./rule-book.ts";

/** What becomes of an update: it is new, was here before, or does not follow what is here. */
export type UpdateOutcome = "applied" | "known" | "refused";

/** All that the agent has told of rules: what a new worker begins with. */
export class RuleSnapshot {
  readonly #rules = new Map<number, readonly ProxyRule[]>();
  #version = 0;

  /** 0: nobody has told anything yet. */
  get version(): number {
    return this.#version;
  }

  apply({ version, isWhole, added, removed }: RuleUpdate): UpdateOutcome {
    if (!isWhole) {
      if (this.#version === 0 || version > this.#version + 1) return "refused";
      if (version <= this.#version) return "known";
    } else this.#rules.clear();
    for (const reference of removed) this.#rules.delete(reference);
    for (const { reference, rules } of added) this.#rules.set(reference, rules);
    this.#version = version;
    return "applied";
  }

  /** Null: there was no update yet. */
  whole(): RuleUpdate | null {
    if (this.#version === 0) return null;
    const added = [...this.#rules].map(([reference, rules]) => ({ reference, rules }));
    return { version: this.#version, isWhole: true, added, removed: [] };
  }
}
