import type { Labels } from "#policy/model/identity.ts";
import { isTelling, orderKeys } from "./stable-labels.ts";

/** Labels that a pod must have, and keys that it must not have. */
export interface WorkloadSelector {
  readonly labels: Labels;
  readonly absent: readonly string[];
}

/**
 * The fewest conditions that hold for labels, and for none of other sets of labels, which are all different:
 * the most telling label, or several, and keys that only others have where that is not enough.
 */
export function chooseSelector(labels: Labels, others: readonly Labels[]): WorkloadSelector {
  const keys = orderKeys(Object.keys(labels));
  const alone = keys.find((key) => isTelling(key) && !others.some((other) => hasAll(other, labels, [key])));
  if (alone !== undefined) return { labels: pick(labels, [alone]), absent: [] };
  const chosen: string[] = [];
  let left = others;
  for (const key of keys) {
    const still = left.filter((other) => hasAll(other, labels, [key]));
    // One that tells nobody apart is of no use, unless it is the first: a name for people.
    if (still.length < left.length || chosen.length === 0) chosen.push(key);
    left = still;
    if (left.length === 0) break;
  }
  let needed: readonly string[] = chosen;
  for (const key of chosen.slice(1)) {
    const fewer = needed.filter((other) => other !== key);
    if (isEnough(labels, fewer, others, left)) needed = fewer;
  }
  return { labels: pick(labels, needed), absent: keysOfOthers(labels, left) };
}

/** Whether keys leave no others but those that no label of ours leaves out. */
function isEnough(
  labels: Labels,
  keys: readonly string[],
  others: readonly Labels[],
  left: readonly Labels[],
): boolean {
  return others.filter((other) => hasAll(other, labels, keys)).length === left.length;
}

/** Keys of which each of the others has at least one, and we have none. */
function keysOfOthers(labels: Labels, others: readonly Labels[]): string[] {
  const absent = new Set<string>();
  for (const other of others) {
    const foreign = orderKeys(Object.keys(other)).filter((key) => !Object.hasOwn(labels, key));
    if (!foreign.some((key) => absent.has(key)) && foreign[0] !== undefined) absent.add(foreign[0]);
  }
  return [...absent].sort();
}

function hasAll(other: Labels, labels: Labels, keys: readonly string[]): boolean {
  return keys.every((key) => Object.hasOwn(other, key) && other[key] === labels[key]);
}

function pick(labels: Labels, keys: readonly string[]): Labels {
  return Object.fromEntries(keys.map((key) => [key, labels[key] as string]));
}
