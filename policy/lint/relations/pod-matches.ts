import type { Namespaces } from "#policy/model/namespaces.ts";
import { NAMESPACE_NAME_LABEL } from "#policy/model/object.ts";
import { type NamespaceMatch, type PodMatch, SERVICE_ACCOUNT } from "#policy/model/rule.ts";
import type { Selector } from "#policy/model/selector.ts";
import { areCompatible, contradiction, isWithin } from "./selectors.ts";

/** Why no pod can be meant, whatever pods there are; empty where some could. */
export function podContradiction({ namespaces, labels, account = [] }: PodMatch): string {
  const ofNamespaces = namespaces.kind === "labels" ? contradiction(namespaces.selector, NAMESPACE_NAME_LABEL) : "";
  return ofNamespaces || contradiction(labels) || contradiction(account, SERVICE_ACCOUNT);
}

/**
 * Whether all pods that `narrow` could mean are meant by `wide`, whatever pods there are; only
 * what namespaces are labelled with is taken from the objects.
 */
export function arePodsWithin(narrow: PodMatch, wide: PodMatch, namespaces: Namespaces): boolean {
  return (
    !wide.also &&
    areNamespacesWithin(narrow.namespaces, wide.namespaces, namespaces) &&
    isWithin(narrow.labels, wide.labels) &&
    isWithin(narrow.account ?? [], wide.account ?? [], SERVICE_ACCOUNT)
  );
}

/** Whether there could be a pod that both mean. */
export function canPodsMeet(a: PodMatch, b: PodMatch, namespaces: Namespaces): boolean {
  return (
    canNamespacesMeet(a.namespaces, b.namespaces, namespaces) &&
    areCompatible(a.labels, b.labels) &&
    areCompatible(a.account ?? [], b.account ?? [], SERVICE_ACCOUNT)
  );
}

function areNamespacesWithin(narrow: NamespaceMatch, wide: NamespaceMatch, namespaces: Namespaces): boolean {
  if (narrow.kind === "name") return namespaces.matches(wide, narrow.name);
  return isWithin(narrow.selector, selectorOf(wide), NAMESPACE_NAME_LABEL);
}

function canNamespacesMeet(a: NamespaceMatch, b: NamespaceMatch, namespaces: Namespaces): boolean {
  if (a.kind === "name") return namespaces.matches(b, a.name);
  if (b.kind === "name") return namespaces.matches(a, b.name);
  return areCompatible(a.selector, b.selector, NAMESPACE_NAME_LABEL);
}

function selectorOf(match: NamespaceMatch): Selector {
  return match.kind === "labels"
    ? match.selector
    : [{ key: NAMESPACE_NAME_LABEL, operator: "In", values: [match.name] }];
}
