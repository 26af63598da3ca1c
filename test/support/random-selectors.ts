import type { CiliumSelector } from "#policy/model/cilium-object.ts";
import type { Party } from "#policy/model/flow.ts";
import type { Labels, Subject } from "#policy/model/identity.ts";
import { NAMESPACE_NAME_LABEL } from "#policy/model/object.ts";
import { RESERVED_PARTIES } from "#policy/model/reserved.ts";
import type { LabelSelector, Operator, Requirement } from "#policy/model/selector.ts";
import type { Random } from "./random.ts";

const OPERATORS: readonly Operator[] = ["In", "NotIn", "Exists", "DoesNotExist"];
/** Some are members of every object. */
const KEYS = ["app", "tier", "example.com/team", "constructor", "toString"];
const VALUES = ["a", "b", "", "constructor"];
const NAMESPACES = ["red", "green", "blue"];
const ACCOUNTS = ["default", "robot"];

/** Keys that a CiliumNetworkPolicy has beside a pod's own, and their values. */
const CLUSTER_KEYS: readonly (readonly [key: string, values: readonly string[]])[] = [
  ["io.kubernetes.pod.namespace", NAMESPACES],
  ["io.kubernetes.pod.namespace", NAMESPACES],
  [`io.cilium.k8s.namespace.labels.${NAMESPACE_NAME_LABEL}`, NAMESPACES],
  ...KEYS.map((key) => [`io.cilium.k8s.namespace.labels.${key}`, VALUES] as const),
  ["io.cilium.k8s.policy.serviceaccount", ACCOUNTS],
  ["io.cilium.k8s.policy.cluster", ["default", "default", "elsewhere"]],
];

export function randomLabelsOf(random: Random): Labels {
  return Object.fromEntries(KEYS.filter(() => random.chance(0.5)).map((key) => [key, random.pick(VALUES)]));
}

export function randomSubject(random: Random): Subject {
  return {
    namespace: random.pick([...NAMESPACES, "grey"]),
    labels: randomLabelsOf(random),
    serviceAccount: random.pick(ACCOUNTS),
    namedPorts: [],
  };
}

/** A pod, or whoever else there may be. */
export function randomParty(random: Random): Party {
  if (random.chance(0.75)) return { subject: randomSubject(random) };
  const reserved = random.pick(RESERVED_PARTIES);
  return { reserved, ...(random.chance(0.5) && { nodeLabels: randomLabelsOf(random) }) };
}

function randomRequirementOf(random: Random, key: string, values: readonly string[]): Requirement {
  const operator = random.pick(OPERATORS);
  const listed = operator === "In" || operator === "NotIn";
  return { key, operator, values: listed ? random.list(1, 3, () => random.pick(values)) : [] };
}

/** Of labels only, up to five conditions. */
export function randomLabelSelector(random: Random): LabelSelector {
  const matchLabels = Object.fromEntries(random.list(0, 2, () => [random.pick(KEYS), random.pick(VALUES)]));
  return {
    matchLabels,
    matchExpressions: random.list(0, 3, () => randomRequirementOf(random, random.pick(KEYS), VALUES)),
  };
}

/** With everything that a selector of a CiliumNetworkPolicy can say, as the parser leaves it. */
export function randomWholeSelector(random: Random): CiliumSelector {
  const own = random.chance(0.6) ? randomLabelSelector(random) : { matchLabels: {}, matchExpressions: [] };
  const more = random.list(0, 2, () => {
    const [key, values] = random.pick(CLUSTER_KEYS);
    return randomRequirementOf(random, key, values);
  });
  const matchLabels: Record<string, string> = { ...own.matchLabels };
  if (random.chance(0.3)) {
    const [key, values] = random.pick(CLUSTER_KEYS);
    matchLabels[key] = random.pick(values);
  }
  if (random.chance(0.2)) {
    const key = `reserved:${random.pick(RESERVED_PARTIES)}`;
    if (random.chance(0.5)) matchLabels[key] = "";
    if (!(key in matchLabels) || random.chance(0.2)) more.push({ key, operator: "Exists", values: [] });
  }
  return { matchLabels, matchExpressions: [...own.matchExpressions, ...more] };
}
