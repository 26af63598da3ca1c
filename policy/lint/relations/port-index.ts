import type { PortMatch } from "#policy/model/port.ts";
import { type Ports, canPortsMeet } from "./ports.ts";

/** Finds, among many lists of ports, those that have some traffic in common with a port. */
export class PortIndex<T> {
  /** Lists that are any port, or have a range or a name. */
  readonly #wide: { readonly ports: Ports; readonly item: T }[] = [];
  /** Lists of single ports, by each of them. */
  readonly #single = new Map<string, Set<T>>();
  readonly #items = new Set<T>();

  add(ports: Ports, item: T): void {
    this.#items.add(item);
    const keys = ports?.map(singleKey) ?? [null];
    if (keys.includes(null)) this.#wide.push({ ports, item });
    for (const key of keys) {
      if (key === null) continue;
      const found = this.#single.get(key);
      if (found) found.add(item);
      else this.#single.set(key, new Set([item]));
    }
  }

  /** May give others, too, where the port is not a single one. */
  meeting(port: PortMatch | null): Iterable<T> {
    const key = port && singleKey(port);
    if (key === null) return this.#items;
    const wide = this.#wide.filter(({ ports }) => canPortsMeet(port && [port], ports)).map(({ item }) => item);
    return [...wide, ...(this.#single.get(key) ?? [])];
  }
}

function singleKey(match: PortMatch): string | null {
  return match.kind === "range" && match.first === match.last ? `${match.protocol} ${match.first}` : null;
}
