import { expect, test } from "vitest";
import { evaluate } from "#policy/explain/evaluate.ts";
import type { RuleDescription } from "#policy/model/rule.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { CompiledCluster } from "#test/support/compiled-cluster.ts";
import { randomCluster } from "#test/support/random-policy.ts";

const CLUSTERS = 500;
const FLOWS = 20;
const FIRST_SEED = 1;

const name = ({ namespace, name: policy, rule }: RuleDescription): string => `${namespace}/${policy} ${rule}`;

test(`${CLUSTERS * FLOWS} random flows: compiled policy, explanation and oracle agree in verdict and rules`, () => {
  const seen = { allow: 0, deny: 0, byRule: 0 };
  for (let seed = FIRST_SEED; seed < FIRST_SEED + CLUSTERS; seed++) {
    const { objects, pods, flows } = randomCluster(seed, { flows: FLOWS, namedPortsOfBlocks: true });
    const parties = [...pods, ...flows.flatMap(({ source, destination }) => [source, destination])];
    const cluster = new CompiledCluster(objects, parties);
    for (const flow of flows) {
      const expected = judge(objects, flow);
      const told = `seed ${seed}: ${JSON.stringify(flow)}`;
      expect(cluster.judge(flow), told).toEqual(expected);
      const evaluation = evaluate(objects, flow);
      for (const direction of ["egress", "ingress"] as const) {
        const { verdict, by, nearest } = evaluation[direction];
        expect({ verdict, rules: by.map(name).sort() }, told).toEqual(expected[direction]);
        expect(nearest === null, told).toBe(verdict === "allow");
        seen[verdict]++;
        if (by.length > 0) seen.byRule++;
      }
    }
  }
  // The generator makes cases worth judging.
  expect(Math.min(seen.allow, seen.deny, seen.byRule)).toBeGreaterThan((CLUSTERS * FLOWS) / 10);
});
