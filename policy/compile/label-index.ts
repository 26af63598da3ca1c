import type { Subject } from "#policy/model/identity.ts";
import type { PodMatch } from "#policy/model/rule.ts";
import { ANY, demandedLabel } from "./pod-index.ts";

/** Finds the pod identities that a match could mean without trying each of them. */
export class LabelIndex {
  readonly #drawers = new Map<string, Set<number>>();

  add(id: number, subject: Subject): void {
    for (const drawer of drawersOf(subject)) {
      const found = this.#drawers.get(drawer);
      if (found) found.add(id);
      else this.#drawers.set(drawer, new Set([id]));
    }
  }

  remove(id: number, subject: Subject): void {
    for (const drawer of drawersOf(subject)) {
      const found = this.#drawers.get(drawer);
      found?.delete(id);
      if (found?.size === 0) this.#drawers.delete(drawer);
    }
  }

  /** All that a match holds for, and others: those of the smallest of the drawers that it names. */
  candidates({ namespaces, labels }: PodMatch): readonly number[] {
    const names = [ANY];
    if (namespaces.kind === "name") names.push(namespaceDrawer(namespaces.name));
    const label = demandedLabel(labels);
    if (label !== null) names.push(label);
    let smallest: ReadonlySet<number> | null = null;
    for (const name of names) {
      const found = this.#drawers.get(name) ?? NOBODY;
      if (!smallest || found.size < smallest.size) smallest = found;
    }
    return [...(smallest ?? NOBODY)];
  }
}

const NOBODY: ReadonlySet<number> = new Set();

function drawersOf({ namespace, labels }: Subject): string[] {
  return [ANY, namespaceDrawer(namespace), ...Object.entries(labels).map(([key, value]) => `${key}=${value}`)];
}

/** No label has a space. */
function namespaceDrawer(name: string): string {
  return `in ${name}`;
}
