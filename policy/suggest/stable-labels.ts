import type { Labels } from "#policy/model/identity.ts";
import { labelKeyFault, labelValueFault } from "#policy/parse/names.ts";

/** Labels that controllers put on single pods, or anew with each roll-out. */
const VOLATILE: ReadonlySet<string> = new Set([
  "pod-template-hash",
  "pod-template-generation",
  "controller-revision-hash",
  "controller-uid",
  "job-name",
  "batch.kubernetes.io/controller-uid",
  "batch.kubernetes.io/job-name",
  "batch.kubernetes.io/job-completion-index",
  "job-completion-index",
  "statefulset.kubernetes.io/pod-name",
  "apps.kubernetes.io/pod-index",
]);

/** Keys that mean something else in the selectors of Cilium. */
const TAKEN = /^io\.(?:cilium\.k8s|kubernetes\.pod)\./;

/** What says which workload a pod is of: by these labels the best, then by any other. */
const TELLING = [
  "app.kubernetes.io/name",
  "app",
  "k8s-app",
  "name",
  "app.kubernetes.io/instance",
  "app.kubernetes.io/component",
  "component",
  "tier",
  "role",
];

/** The labels that a pod keeps, and that a selector can name. */
export function stableLabels(labels: Labels): Labels {
  return Object.fromEntries(
    Object.entries(labels)
      .filter(([key, value]) => !VOLATILE.has(key) && !TAKEN.test(key) && isLabel(key, value))
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** Keys in the order in which they are tried: those that tell the most first. */
export function orderKeys(keys: Iterable<string>): string[] {
  const rank = (key: string): number => (TELLING.indexOf(key) + TELLING.length + 1) % (TELLING.length + 1);
  return [...keys].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** Whether the values of a key are names of workloads, for people. */
export function isTelling(key: string): boolean {
  return TELLING.includes(key);
}

function isLabel(key: string, value: string): boolean {
  return labelKeyFault(key) === null && labelValueFault(value) === null;
}
