import type { Item } from "./end-change.ts";
import { type NameCondition, conditionKey } from "./names.ts";

/** Whom a change is about: a class by one of its faces, and where names decide, by its names. */
export interface ChangeItem {
  readonly item: Item;
  readonly condition: NameCondition | null;
  /** Names that meet the condition. */
  readonly names: readonly string[];
  /** The order in which they are told. */
  readonly place: number;
}

/** Equal items are one object. */
export class ChangeItems {
  readonly #places: ReadonlyMap<Item, number>;
  readonly #known = new Map<Item, Map<string, ChangeItem>>();

  constructor(items: readonly Item[]) {
    this.#places = new Map(items.map((item, i) => [item, i]));
  }

  of(item: Item, condition: NameCondition | null = null, names: readonly string[] = []): ChangeItem {
    let own = this.#known.get(item);
    if (!own) this.#known.set(item, (own = new Map()));
    const key = conditionKey(condition);
    let found = own.get(key);
    if (!found) {
      found = { item, condition, names, place: this.#places.get(item) ?? 0 };
      own.set(key, found);
    }
    return found;
  }
}

export function compareItems(a: ChangeItem, b: ChangeItem): number {
  const [keyA, keyB] = [conditionKey(a.condition), conditionKey(b.condition)];
  return a.place - b.place || (keyA < keyB ? -1 : keyA > keyB ? 1 : 0);
}
