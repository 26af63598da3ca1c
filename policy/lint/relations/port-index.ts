import type { PortMatch } from "#policy/model/port.ts";
import { type Ports, canPortsMeet } from "./ports.ts";

/** Finds, among many lists of ports, those of which some could be a part of a port's or range's cover. */
export class PortIndex<T> {
  /** Lists that are any port. */
  readonly #any: T[] = [];
  /** Lists that have a range or a name. */
  readonly #wide: { readonly ports: Ports; readonly item: T }[] = [];
  /** Lists of single ports, by each of them. */
  readonly #single = new Map<string, Set<T>>();
  readonly #items = new Set<T>();

  add(ports: Ports, item: T): void {
    if (ports === null) {
      this.#any.push(item);
      return;
    }
    this.#items.add(item);
    const keys = ports.map(singleKey);
    if (keys.includes(null)) this.#wide.push({ ports, item });
    for (const key of keys) {
      if (key === null) continue;
      const found = this.#single.get(key);
      if (found) found.add(item);
      else this.#single.set(key, new Set([item]));
    }
  }

  /** Those that have traffic in common with a port, and perhaps others; of any port (null) those that are for any port. */
  *meeting(port: PortMatch | null): Generator<T> {
    yield* this.#any;
    if (port === null) return;
    const key = singleKey(port);
    if (key === null) return yield* this.#items;
    for (const { ports, item } of this.#wide) if (canPortsMeet([port], ports)) yield item;
    yield* this.#single.get(key) ?? [];
  }
}

function singleKey(match: PortMatch): string | null {
  return match.kind === "range" && match.first === match.last ? `${match.protocol} ${match.first}` : null;
}
