import type { ProxyRule, RuleUpdate } from "#agent/proxy/rule-book.ts";
import type { Rule } from "#policy/model/rule.ts";

type Added = RuleUpdate["added"][number];

/** The rules that send connections to the proxy, by their references, and what of them is to be told. */
export class RedirectBook {
  readonly #rules = new Map<number, readonly ProxyRule[]>();
  #added: Added[] = [];
  #removed: number[] = [];
  #version = 0;
  #isComplete = false;

  /** Of the latest update; 0: there was none. */
  get version(): number {
    return this.#version;
  }

  get size(): number {
    return this.#rules.size;
  }

  /** Whether something is to be told that no update has said. */
  get isChanged(): boolean {
    return this.#added.length > 0 || this.#removed.length > 0;
  }

  /** A reference that entries may have from now on; it never comes to mean other rules. */
  name(reference: number, rules: readonly Rule[]): void {
    if (this.#rules.has(reference)) return;
    const asking = rules.filter(({ action }) => action === "redirect");
    const told = asking.map(({ description, l7, serverNames }) => ({ description, l7, serverNames }));
    this.#rules.set(reference, told);
    this.#added.push({ reference, rules: told });
  }

  /**
   * Forgets all references but those that entries have. To be called when the policy in force is this agent's: then
   * whatever else a proxy knows, of an earlier agent, is known to be of no use.
   *
   * @returns whether proxies are to be told the whole: for the first time.
   */
  retain(inUse: ReadonlySet<number>): boolean {
    const isFirst = !this.#isComplete;
    this.#isComplete = true;
    for (const reference of this.#rules.keys()) {
      if (inUse.has(reference)) continue;
      this.#rules.delete(reference);
      this.#removed.push(reference);
    }
    const isKnown = ({ reference }: Added): boolean => this.#rules.has(reference);
    this.#added = this.#added.filter(isKnown);
    return isFirst;
  }

  /** Later updates follow this version, which a proxy has already. */
  follow(version: number): void {
    this.#version = Math.max(this.#version, version);
  }

  /** What has changed since the last update. */
  change(): RuleUpdate {
    const update = { version: ++this.#version, isWhole: false, added: this.#added, removed: this.#removed };
    this.#added = [];
    this.#removed = [];
    return update;
  }

  /**
   * All rules, as a new version. Until {@link retain} has been called proxies keep what else they have: entries that an
   * earlier agent left may be in force.
   */
  all(): RuleUpdate {
    this.#added = [];
    this.#removed = [];
    const added = [...this.#rules].map(([reference, rules]) => ({ reference, rules }));
    return { version: ++this.#version, isWhole: this.#isComplete, added, removed: [] };
  }
}
