import type { CiliumSelector } from "#policy/model/cilium-object.ts";
import { RESERVED_PARTIES } from "#policy/model/reserved.ts";
import type { Requirement } from "#policy/model/selector.ts";
import type { Random } from "./random.ts";
import {
  ACCOUNTS,
  EVERY,
  NAMESPACES,
  randomLabelRequirement,
  randomRequirement,
  randomScope,
} from "./random-vocabulary.ts";

/** A selector of peers: by labels, by what the cluster says of a pod, or of a reserved party. */
export function randomCiliumSelector(random: Random): CiliumSelector {
  if (!random.chance(0.2)) return withClusterKeys(random, randomScope(random, 0.4), 0.3);
  const key = `reserved:${random.pick([...RESERVED_PARTIES, "host", "world", "world"])}`;
  return random.chance(0.5)
    ? { matchLabels: { [key]: "" }, matchExpressions: [] }
    : { matchLabels: {}, matchExpressions: [{ key, operator: "Exists", values: [] }] };
}

/** A selector of those that a policy governs: never reserved parties. */
export function randomEndpointSelector(random: Random): CiliumSelector {
  return random.chance(0.45) ? EVERY : withClusterKeys(random, randomScope(random, 0.2), 0.1);
}

function withClusterKeys(random: Random, selector: CiliumSelector, chance: number): CiliumSelector {
  const more: Requirement[] = [];
  if (random.chance(chance)) more.push(randomRequirement(random, ["io.kubernetes.pod.namespace"], NAMESPACES));
  if (random.chance(chance / 2)) more.push(randomLabelRequirement(random, "io.cilium.k8s.namespace.labels."));
  if (random.chance(chance / 2))
    more.push(randomRequirement(random, ["io.cilium.k8s.policy.serviceaccount"], ACCOUNTS));
  if (random.chance(chance / 4)) {
    more.push(randomRequirement(random, ["io.cilium.k8s.policy.cluster"], ["default", "default", "elsewhere"]));
  }
  return { ...selector, matchExpressions: [...selector.matchExpressions, ...more] };
}
