import { ANY, demandedLabel } from "#policy/compile/pod-index.ts";
import type { Namespaces } from "#policy/model/namespaces.ts";
import { NAMESPACE_NAME_LABEL } from "#policy/model/object.ts";
import type { NamespaceMatch, PodMatch } from "#policy/model/rule.ts";
import type { Selector } from "#policy/model/selector.ts";
import { arePodsWithin } from "./pod-matches.ts";

/**
 * Finds which of many pod matches mean all that a match could mean. Each is filed under one
 * condition on the namespace and one label that it demands; what it holds must demand both.
 */
export class MatchIndex<T> {
  readonly #namespaces: Namespaces;
  readonly #drawers = new Map<string, { match: PodMatch; item: T }[]>();

  constructor(namespaces: Namespaces) {
    this.#namespaces = namespaces;
  }

  add(match: PodMatch, item: T): void {
    const drawer = drawerName(demandedNamespace(match.namespaces), demandedLabel(match.labels) ?? ANY);
    const found = this.#drawers.get(drawer);
    if (found) found.push({ match, item });
    else this.#drawers.set(drawer, [{ match, item }]);
  }

  around(match: PodMatch): T[] {
    const labels = [ANY, ...demandedLabels(match.labels)];
    const found: T[] = [];
    for (const namespace of [ANY, ...this.#demandedOf(match.namespaces)]) {
      for (const label of labels) {
        for (const { match: wide, item } of this.#drawers.get(drawerName(namespace, label)) ?? []) {
          if (arePodsWithin(match, wide, this.#namespaces)) found.push(item);
        }
      }
    }
    return found;
  }

  /** Of a namespace that is named all labels are known. */
  #demandedOf(match: NamespaceMatch): string[] {
    if (match.kind === "labels") return demandedLabels(match.selector);
    const labels = { ...this.#namespaces.labels(match.name), [NAMESPACE_NAME_LABEL]: match.name };
    return Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  }
}

function demandedNamespace(match: NamespaceMatch): string {
  if (match.kind === "name") return `${NAMESPACE_NAME_LABEL}=${match.name}`;
  return demandedLabel(match.selector) ?? ANY;
}

function demandedLabels(selector: Selector): string[] {
  const single = selector.filter(({ operator, values }) => operator === "In" && values.length === 1);
  return [...new Set(single.map(({ key, values }) => `${key}=${values[0]}`))];
}

function drawerName(namespace: string, label: string): string {
  return `${namespace}/${label}`;
}
