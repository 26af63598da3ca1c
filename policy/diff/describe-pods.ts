import type { Labels } from "#policy/model/identity.ts";

/** As much of a pod as people know it by. */
export interface PodName {
  readonly namespace: string;
  /** `NAMESPACE/NAME` */
  readonly name: string;
  readonly labels: Labels;
}

/** So many names are better than a word for all of them. */
const FEW = 3;

/**
 * Says which pods are meant, as short as can be.
 *
 * @param chosen Of these at least one.
 * @param others Pods that are not meant.
 * @param indifferent Pods that are not meant, either, where it does not matter: the only one at the other end.
 */
export function describePods(
  chosen: readonly PodName[],
  others: readonly PodName[],
  indifferent: readonly PodName[] = [],
): string {
  if (others.length === 0 && (indifferent.length === 0 || byNamespace(chosen).length > 1)) return "all pods";
  const isMost = others.length > 0 && chosen.length > 2 * others.length;
  const isWhole = byNamespace(chosen).every(([namespace]) => !others.some((pod) => pod.namespace === namespace));
  if (isMost && others.length <= FEW && !isWhole) return `all pods but ${listNames(others)}`;
  const whole: string[] = [];
  const parts: string[] = [];
  for (const [namespace, own] of byNamespace(chosen)) {
    const missing = others.filter((pod) => pod.namespace === namespace);
    const near = indifferent.filter((pod) => pod.namespace === namespace);
    if (missing.length === 0 && near.length === 0 && own.length > 1) whole.push(namespace);
    else parts.push(describePart(namespace, own, missing, near));
  }
  return [...(whole.length > 0 ? [`all pods of ${whole.join(", ")}`] : []), ...parts].join(", ");
}

function describePart(
  namespace: string,
  chosen: readonly PodName[],
  missing: readonly PodName[],
  indifferent: readonly PodName[],
): string {
  if (chosen.length === 1) return listNames(chosen);
  const label = commonLabel(chosen, [...missing, ...indifferent]);
  if (label === null && missing.length === 0) return `all pods of ${namespace}`;
  if (label !== null) return `pods ${label} of ${namespace}`;
  if (chosen.length <= FEW) return listNames(chosen);
  if (missing.length <= FEW && chosen.length > missing.length) {
    return `all pods of ${namespace} but ${listNames(missing)}`;
  }
  return `${listNames(chosen.slice(0, FEW))} and ${chosen.length - FEW} more of ${namespace}`;
}

/** A label that all of the chosen have and none of the others. */
function commonLabel([first, ...rest]: readonly PodName[], others: readonly PodName[]): string | null {
  const has = ({ labels }: PodName, key: string, value: string): boolean =>
    Object.hasOwn(labels, key) && labels[key] === value;
  const found = Object.entries(first?.labels ?? {})
    .filter(([key, value]) => rest.every((pod) => has(pod, key, value)) && !others.some((pod) => has(pod, key, value)))
    .map(([key, value]) => `${key}=${value}`)
    // The short ones are those that people gave.
    .sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  return found[0] ?? null;
}

function listNames(pods: readonly PodName[]): string {
  return pods
    .map(({ name }) => name)
    .sort()
    .join(", ");
}

function byNamespace(pods: readonly PodName[]): [string, PodName[]][] {
  const groups = new Map<string, PodName[]>();
  for (const pod of pods) {
    const group = groups.get(pod.namespace);
    if (group) group.push(pod);
    else groups.set(pod.namespace, [pod]);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
}
