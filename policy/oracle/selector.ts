import type { Labels } from "#policy/model/identity.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import type { LabelSelector } from "#policy/model/selector.ts";

/** Whether labels meet a selector, as Kubernetes defines it. */
export function selects(selector: LabelSelector, labels: Labels): boolean {
  return selectsValues(selector, (key) => (Object.hasOwn(labels, key) ? labels[key] : undefined));
}

/** The same where labels are not a plain record: `valueOf` gives a key's value, undefined where there is none. */
export function selectsValues(
  { matchLabels, matchExpressions }: LabelSelector,
  valueOf: (key: string) => string | undefined,
): boolean {
  for (const [key, wanted] of Object.entries(matchLabels)) {
    if (valueOf(key) !== wanted) return false;
  }
  for (const { key, operator, values } of matchExpressions) {
    const value = valueOf(key);
    const isListed = value !== undefined && values.includes(value);
    if (operator === "In" && !isListed) return false;
    if (operator === "NotIn" && isListed) return false;
    if (operator === "Exists" && value === undefined) return false;
    if (operator === "DoesNotExist" && value !== undefined) return false;
  }
  return true;
}

/** A namespace's labels; the one with its name is there without a Namespace object, too. */
export function namespaceLabels(name: string, objects: readonly PolicyObject[]): Labels {
  const labels: Record<string, string> = {};
  for (const object of objects) {
    if (object.kind === "Namespace" && object.name === name) Object.assign(labels, object.labels);
  }
  labels["kubernetes.io/metadata.name"] = name;
  return labels;
}
