import { expect, test } from "vitest";
import { type EngineOptions, PolicyEngine } from "#policy/compile/engine.ts";
import { Evaluator } from "#policy/explain/evaluate.ts";
import type { HostFailsafe } from "#policy/model/failsafe.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { CompiledCluster, ruleName } from "#test/support/compiled-cluster.ts";
import { Random } from "#test/support/random.ts";
import { type RandomCluster, randomCluster } from "#test/support/random-policy.ts";
import { sized } from "#test/support/size.ts";

const CLUSTERS = sized({ short: 500, long: 6_000 });
const FLOWS = 20;
const FIRST_SEED = 1;

const hostFailsafe: HostFailsafe = {
  inbound: [
    { protocol: "TCP", first: 80, last: 80 },
    { protocol: "TCP", first: 1, last: 1_000 },
  ],
  outbound: [{ protocol: "UDP", first: 0, last: 65_535 }],
};

/** Mostly the defaults. */
function randomOptions(seed: number): EngineOptions {
  const random = new Random(seed);
  return {
    enforcement: random.pick(["default", "default", "default", "default", "always", "never"] as const),
    cidrMatchesPods: random.pick(["language", "language", "language", true, false] as const),
    ...(random.chance(0.5) ? { at: random.pick([0, 1_000, 2_000, 3_000]) } : {}),
    ...(random.chance(0.5) ? { hostFailsafe } : {}),
  };
}

/** What an explanation says: whether requests are looked at is said of requests only. */
function withoutPlain({ verdict, rules }: ReturnType<typeof judge>["egress"]): object {
  return { verdict, rules };
}

function compare(cluster: RandomCluster, options: EngineOptions, seen: Record<string, number>): void {
  const { objects, flows, seed } = cluster;
  const parties = [...cluster.parties, ...flows.flatMap(({ source, destination }) => [source, destination])];
  const compiled = new CompiledCluster(objects, parties, options);
  const evaluator = new Evaluator(objects, options);
  for (const flow of flows) {
    const told = `seed ${seed}, ${JSON.stringify(options)}: ${JSON.stringify(flow)}`;
    const enforced = judge(objects, flow, options);
    const staged = judge(objects, flow, { ...options, staged: true });
    expect(compiled.judge(flow), told).toEqual(enforced);
    expect(compiled.judge(flow, { staged: true }), `staged, ${told}`).toEqual(staged);
    const evaluation = evaluator.evaluate(flow);
    for (const direction of ["egress", "ingress"] as const) {
      const { verdict, by, nearest, staged: tried } = evaluation[direction];
      expect({ verdict, rules: by.map(ruleName).sort() }, told).toEqual(withoutPlain(enforced[direction]));
      expect(nearest === null || (verdict === "deny" && by.length === 0), told).toBe(true);
      const would = tried ?? evaluation[direction];
      expect({ verdict: would.verdict, rules: would.by.map(ruleName).sort() }, told).toEqual(
        withoutPlain(staged[direction]),
      );
      const keys = [verdict, by.length > 0 ? "byRule" : "byDefault", tried ? "staged" : "plain"];
      for (const key of keys) seen[key] = (seen[key] ?? 0) + 1;
    }
  }
}

test(`${CLUSTERS * FLOWS} random flows: compiled policy, explanation and oracle agree in verdict and rules`, () => {
  const seen: Record<string, number> = {};
  for (let seed = FIRST_SEED; seed < FIRST_SEED + CLUSTERS; seed++) {
    compare(randomCluster(seed, { flows: FLOWS, namedPortsOfBlocks: true }), randomOptions(seed), seen);
  }
  // The generator makes cases worth judging.
  for (const key of ["allow", "deny", "redirect", "byRule", "byDefault", "staged"]) {
    expect(seen[key], key).toBeGreaterThan((CLUSTERS * FLOWS) / 20);
  }
}, 900_000);

test("they agree on what would be, too, when nothing is enforced", () => {
  const seen: Record<string, number> = {};
  for (let seed = FIRST_SEED; seed < FIRST_SEED + sized({ short: 60, long: 1_000 }); seed++) {
    compare(
      randomCluster(seed, { flows: FLOWS, namedPortsOfBlocks: true }),
      { ...randomOptions(seed), audit: true },
      seen,
    );
  }
  expect(Object.keys(seen).sort()).toEqual(["allow", "byDefault", "plain", "staged"]);
});

test("the order of objects never matters", () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + sized({ short: 60, long: 1_000 }); seed++) {
    const cluster = randomCluster(seed, { flows: FLOWS });
    const shuffled = new Random(seed).shuffle([...cluster.objects]);
    const [one, other] = [cluster.objects, shuffled].map(
      (objects) => new CompiledCluster(objects, cluster.parties, {}, new PolicyEngine(objects)),
    ) as [CompiledCluster, CompiledCluster];
    for (const flow of cluster.flows) expect(other.judge(flow), `seed ${seed}`).toEqual(one.judge(flow));
  }
});
