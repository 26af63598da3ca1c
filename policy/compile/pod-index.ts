import type { Subject } from "#policy/model/identity.ts";
import type { Namespaces } from "#policy/model/namespaces.ts";
import type { PodMatch } from "#policy/model/rule.ts";
import { type Selector, formatSelector } from "#policy/model/selector.ts";

/**
 * Finds which of many pod matches hold for a pod without trying each of them: a match
 * is filed under its namespace and one label that it demands, and a pod looks only
 * under its own namespace and labels.
 */
export class PodIndex<T> {
  readonly #namespaces: Namespaces;
  readonly #drawers = new Map<string, { match: PodMatch; item: T }[]>();

  constructor(namespaces: Namespaces) {
    this.#namespaces = namespaces;
  }

  add(match: PodMatch, item: T): void {
    const namespace = match.namespaces.kind === "name" ? match.namespaces.name : ANY;
    const drawer = drawerName(namespace, demandedLabel(match.labels) ?? ANY);
    const found = this.#drawers.get(drawer);
    if (found) found.push({ match, item });
    else this.#drawers.set(drawer, [{ match, item }]);
  }

  find(pod: Subject): T[] {
    const labels = [ANY, ...Object.entries(pod.labels).map(([key, value]) => `${key}=${value}`)];
    const found: T[] = [];
    for (const namespace of [ANY, pod.namespace]) {
      for (const label of labels) {
        for (const { match, item } of this.#drawers.get(drawerName(namespace, label)) ?? []) {
          if (this.#namespaces.matchesPod(match, pod)) found.push(item);
        }
      }
    }
    return found;
  }
}

/** No namespace and no label is written like this. */
export const ANY = "*";

/** A label without which a selector cannot hold, as `key=value`. */
export function demandedLabel(labels: Selector): string | null {
  const demanded = labels.find(({ operator, values }) => operator === "In" && values.length === 1);
  return demanded ? `${demanded.key}=${demanded.values[0]}` : null;
}

/** Equal matches have equal keys. */
export function podMatchKey({ namespaces, labels, account, also }: PodMatch): string {
  const namespace =
    namespaces.kind === "name" ? `name ${namespaces.name}` : `labels ${formatSelector(namespaces.selector)}`;
  const others = (also ?? []).map(podMatchKey).sort();
  return JSON.stringify(["pods", namespace, formatSelector(labels), formatSelector(account ?? []), ...others]);
}

function drawerName(namespace: string, label: string): string {
  return `${namespace}/${label}`;
}
