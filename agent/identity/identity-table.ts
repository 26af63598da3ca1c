import type { Change, Store } from "#agent/store/store.ts";
import { identityKeys, parseNumberRecord } from "./identity-keys.ts";

/** What every number stands for, as far as the store has told: a subject's text each. */
export class IdentityTable {
  readonly #texts = new Map<number, string>();

  has(id: number): boolean {
    return this.#texts.has(id);
  }

  text(id: number): string | undefined {
    return this.#texts.get(id);
  }

  get size(): number {
    return this.#texts.size;
  }

  ids(): number[] {
    return [...this.#texts.keys()].sort((a, b) => a - b);
  }

  /** Said here before the watch comes round to it. */
  learn(id: number, text: string): void {
    this.#texts.set(id, text);
  }

  /**
   * Follows the store until the signal is aborted.
   *
   * @param changed called when the table is as the store has told.
   */
  async follow(store: Store, signal: AbortSignal, changed: () => void): Promise<void> {
    for await (const event of store.watch(identityKeys.numbers, signal)) {
      if (event.type === "snapshot") {
        this.#texts.clear();
        for (const entry of event.entries) this.#apply({ type: "put", entry });
      } else {
        event.changes.forEach((change) => this.#apply(change));
      }
      changed();
    }
  }

  #apply(change: Change): void {
    const key = change.type === "put" ? change.entry.key : change.key;
    const id = Number(key.slice(identityKeys.numbers.length));
    if (!Number.isInteger(id)) return;
    // A record that is none of ours still takes its number; its text is no subject.
    if (change.type === "put") this.#texts.set(id, parseNumberRecord(change.entry.value)?.subject ?? "");
    else this.#texts.delete(id);
  }
}
