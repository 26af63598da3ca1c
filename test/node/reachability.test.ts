import { test } from "vitest";
import { type NetworkPolicyCase, networkPolicyCases } from "#test/support/network-policy-cases.ts";
import { toReachabilityStep } from "#test/support/network-policy-steps.ts";
import type { Probe } from "#test/support/probes.ts";
import { allProbes } from "#test/support/reachability.ts";
import { WORLD_PODS, WORLD_PORTS } from "#test/support/reachability-world.ts";
import { testSize } from "#test/support/size.ts";
import { useReachability } from "#test/support/use-reachability.ts";

const reachability = useReachability();

/** In the long form everybody by everything; else the pods of the case by its protocols, with an echo. */
function probesOf({ pods, protocols, ports }: NetworkPolicyCase): Probe[] {
  if (testSize === "long") return allProbes(WORLD_PODS, ["TCP", "UDP", "SCTP", "ICMP"], WORLD_PORTS);
  return allProbes(pods, [...protocols, "ICMP"], ports);
}

test.each(networkPolicyCases)("packets reach whom the case's table says: $title", async (one) => {
  const probes = probesOf(one);
  for (const step of one.steps) {
    await reachability().check(toReachabilityStep(one, step, reachability().world), probes);
  }
});
