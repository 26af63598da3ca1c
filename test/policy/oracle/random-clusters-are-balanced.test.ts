import { expect, test } from "vitest";
import { judge } from "#policy/oracle/oracle.ts";
import { INSTANTS } from "#test/support/random-controls.ts";
import { type RandomCluster, randomCluster } from "#test/support/random-policy.ts";

/** Names of a cluster's policies, with their tiers. */
function tiersOf({ objects }: RandomCluster): Map<string, string> {
  return new Map(
    objects.map((object) => {
      return [`${object.kind} ${object.namespace}/${object.name}`, "tier" in object ? object.tier : "normal"];
    }),
  );
}

test("a seed makes one cluster", () => {
  expect(randomCluster(7)).toEqual(randomCluster(7));
  expect(randomCluster(7)).not.toEqual({ ...randomCluster(8), seed: 7 });
});

test("all verdicts are common, in all tiers", () => {
  const seen = new Map<string, number>();
  const count = (what: string): unknown => seen.set(what, (seen.get(what) ?? 0) + 1);
  for (let seed = 1; seed <= 300; seed++) {
    const cluster = randomCluster(seed);
    const tiers = tiersOf(cluster);
    for (const [i, flow] of cluster.flows.entries()) {
      const at = INSTANTS[i % INSTANTS.length];
      const { egress, ingress } = judge(cluster.objects, flow, at === undefined ? {} : { at });
      for (const { verdict, rules } of [egress, ingress]) {
        const [first] = rules;
        const tier = first === undefined ? "by default" : tiers.get(first.slice(0, first.lastIndexOf(" ")));
        count(`${verdict} ${tier}`);
        if (rules.length > 1) count("several rules");
      }
    }
  }
  // Of 12,000.
  const least = {
    "allow by default": 3000,
    "deny by default": 1500,
    "allow normal": 350,
    "deny normal": 150,
    "redirect normal": 100,
    "allow Admin": 200,
    "deny Admin": 200,
    "allow Baseline": 80,
    "deny Baseline": 50,
    "several rules": 80,
  };
  for (const [what, times] of Object.entries(least)) expect(seen.get(what), what).toBeGreaterThan(times);
});
