import type { Subject } from "#policy/model/identity.ts";
import type { Labels } from "#policy/model/identity.ts";
import { stableLabels } from "./stable-labels.ts";
import { type WorkloadSelector, chooseSelector } from "./workload-selector.ts";

/** Pods of one namespace with the same lasting labels. */
export interface Workload {
  readonly key: string;
  readonly namespace: string;
  readonly labels: Labels;
  /** How many pods of it are known. */
  readonly pods: number;
  /** Matches its pods, and no others that are known. */
  readonly selector: WorkloadSelector;
}

/** All pods that are known, in workloads. */
export class Workloads {
  readonly #workloads = new Map<string, Workload>();

  /** @param pods One for each pod. */
  constructor(pods: Iterable<Subject>) {
    const namespaces = Map.groupBy(pods, ({ namespace }) => namespace);
    for (const [namespace, all] of namespaces) {
      const groups = Map.groupBy(all, keyOf);
      const labelSets = new Map([...groups].map(([key, [first]]) => [key, stableLabels(first?.labels ?? {})]));
      for (const [key, members] of groups) {
        const labels = labelSets.get(key) ?? {};
        const others = [...labelSets].filter(([other]) => other !== key).map(([, set]) => set);
        const selector = chooseSelector(labels, others);
        this.#workloads.set(key, { key, namespace, labels, pods: members.length, selector });
      }
    }
  }

  of(subject: Subject): Workload | undefined {
    return this.#workloads.get(keyOf(subject));
  }
}

function keyOf({ namespace, labels }: Subject): string {
  return JSON.stringify([namespace, stableLabels(labels)]);
}
