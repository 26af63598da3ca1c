import type { Labels } from "./identity.ts";

export type Operator = "In" | "NotIn" | "Exists" | "DoesNotExist";

/** One condition on a label. `values` is empty for Exists and DoesNotExist. */
export interface Requirement {
  readonly key: string;
  readonly operator: Operator;
  readonly values: readonly string[];
}

/** All conditions must hold; no condition at all selects everything. */
export type Selector = readonly Requirement[];

/** A label selector as Kubernetes writes it. */
export interface LabelSelector {
  readonly matchLabels: Labels;
  readonly matchExpressions: readonly Requirement[];
}

/** Brings a label selector into its one form: sorted conditions, values sorted and without repetitions. */
export function toSelector(selector: LabelSelector): Selector {
  const requirements: Requirement[] = [
    ...Object.entries(selector.matchLabels).map(([key, value]): Requirement => ({
      key,
      operator: "In",
      values: [value],
    })),
    ...selector.matchExpressions.map(({ key, operator, values }) => ({
      key,
      operator,
      values: [...new Set(values)].sort(),
    })),
  ];
  const byText = new Map(requirements.map((requirement) => [formatRequirement(requirement), requirement]));
  return [...byText.keys()].sort().map((text) => byText.get(text) as Requirement);
}

/** NotIn also holds where the label is missing, as Kubernetes defines it. */
export function matchesRequirement({ key, operator, values }: Requirement, labels: Labels): boolean {
  const present = Object.hasOwn(labels, key);
  switch (operator) {
    case "In":
      return present && values.includes(labels[key] as string);
    case "NotIn":
      return !present || !values.includes(labels[key] as string);
    case "Exists":
      return present;
    case "DoesNotExist":
      return !present;
  }
}

export function matchesSelector(selector: Selector, labels: Labels): boolean {
  for (const requirement of selector) if (!matchesRequirement(requirement, labels)) return false;
  return true;
}

/** In the notation of `kubectl get -l`. Unambiguous, because label keys and values have no punctuation of it. */
export function formatRequirement({ key, operator, values }: Requirement): string {
  switch (operator) {
    case "In":
      return values.length === 1 ? `${key}=${values[0]}` : `${key} in (${values.join(",")})`;
    case "NotIn":
      return values.length === 1 ? `${key}!=${values[0]}` : `${key} notin (${values.join(",")})`;
    case "Exists":
      return key;
    case "DoesNotExist":
      return `!${key}`;
  }
}

/** The empty selector is the empty text. Equal texts mean equal selectors. */
export function formatSelector(selector: Selector): string {
  return selector.map(formatRequirement).join(",");
}
