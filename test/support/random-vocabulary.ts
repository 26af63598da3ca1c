import { NAMESPACE_NAME_LABEL } from "#policy/model/object.ts";
import type { Labels } from "#policy/model/identity.ts";
import type { NameMatch } from "#policy/model/l7.ts";
import { type FlowProtocol, PROTOCOLS } from "#policy/model/protocol.ts";
import type { LabelSelector, Operator, Requirement } from "#policy/model/selector.ts";
import type { Random } from "./random.ts";

/** Few words of each sort, so that objects and flows often speak of the same. */
export const NAMESPACES = ["red", "green", "blue"];
/** Where pods and policies are: most often in the first one. */
export const PLACES = ["red", "red", "red", "green", "blue"];
export const ACCOUNTS = ["default", "robot"];
export const PORT_NAMES = ["http", "http", "dns", "admin"];
export const PORTS = [80, 80, 80, 80, 81, 53, 443, 8080];
export const ICMP_TYPES = { 4: [8, 8, 0, 3, 5], 6: [128, 128, 129, 1, 137] } as const;
const KEYS = ["app", "tier", "constructor"];
const VALUES = ["a", "a", "b", "c"];
const OPERATORS: readonly Operator[] = ["In", "NotIn", "Exists", "DoesNotExist"];

export const DNS_NAMES = ["example.com", "api.example.com", "a.b.example.com", "db-1.internal"];
export const NAME_MATCHES: readonly NameMatch[] = [
  ...DNS_NAMES.map((name): NameMatch => ({ kind: "name", name })),
  ...["*", "*.example.com", "**.example.com", "**.com", "a*.example.com", "db-*.internal", "*"].map(
    (pattern): NameMatch => ({ kind: "pattern", pattern }),
  ),
];

export const EVERY: LabelSelector = { matchLabels: {}, matchExpressions: [] };

export function randomLabel(random: Random): Labels {
  return { [random.pick(KEYS)]: random.pick(VALUES) };
}

export function randomLabels(random: Random): Labels {
  return Object.fromEntries(KEYS.filter(() => random.chance(0.7)).map((key) => [key, random.pick(VALUES)]));
}

export function randomSelector(random: Random): LabelSelector {
  const matchLabels = random.chance(0.5) ? randomLabel(random) : {};
  return { matchLabels, matchExpressions: random.chance(0.3) ? [randomRequirement(random, KEYS, VALUES)] : [] };
}

/** Selects everything with some chance, else what a random selector does. */
export function randomScope(random: Random, everything: number): LabelSelector {
  return random.chance(everything) ? EVERY : randomSelector(random);
}

export function randomNamespaceSelector(random: Random): LabelSelector {
  if (random.chance(0.5)) return randomSelector(random);
  const byName = randomRequirement(random, [NAMESPACE_NAME_LABEL], NAMESPACES);
  return { matchLabels: {}, matchExpressions: random.chance(0.3) ? [] : [byName] };
}

export function randomRequirement(random: Random, keys: readonly string[], values: readonly string[]): Requirement {
  const operator = random.pick(OPERATORS);
  const listed = operator === "In" || operator === "NotIn";
  return { key: random.pick(keys), operator, values: listed ? random.list(1, 2, () => random.pick(values)) : [] };
}

/** A label of the vocabulary's own, as a condition of any operator. */
export function randomLabelRequirement(random: Random, prefix = ""): Requirement {
  return randomRequirement(
    random,
    KEYS.map((key) => prefix + key),
    VALUES,
  );
}

/** The port of a flow, most often one that rules speak of or one beside it. */
export function randomFlowPort(random: Random, protocol: FlowProtocol, family: 4 | 6): number {
  if (protocol === "ICMP" || protocol === "ICMPv6") return random.pick(ICMP_TYPES[family]);
  if (!(PROTOCOLS as readonly string[]).includes(protocol)) return 0;
  return random.chance(0.9) ? random.pick(PORTS) + random.pick([0, 0, 0, 0, 0, 1, -1]) : random.integer(1, 65535);
}
