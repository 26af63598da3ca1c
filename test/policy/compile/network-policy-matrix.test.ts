import { expect, test } from "vitest";
import { Evaluator } from "#policy/explain/evaluate.ts";
import { CompiledCluster, type Judgement, ruleName } from "#test/support/compiled-cluster.ts";
import { matrixAnswer, matrixCases, matrixText } from "#test/support/network-policy-matrix-cases.ts";
import { matrixObjects, matrixParties, matrixProbes } from "#test/support/network-policy-matrix-world.ts";

const parties = matrixParties();
const probes = [...matrixProbes(parties)];

test("there are more than 216 cases", () => {
  expect(matrixCases.length).toBeGreaterThan(216);
  expect(new Set(matrixCases.map(({ title }) => title)).size).toBe(matrixCases.length);
});

test("each pod reaches those that the specification says, by the rules that it says", () => {
  for (const one of matrixCases) {
    const objects = matrixObjects(matrixText(one));
    const compiled = new CompiledCluster(objects, parties.values());
    const evaluator = new Evaluator(objects);
    for (const { from, to, flow } of probes) {
      const judgement = compiled.judge(flow);
      const evaluation = evaluator.evaluate(flow);
      for (const direction of ["egress", "ingress"] as const) {
        const [self, other] = direction === "egress" ? [from, to] : [to, from];
        const { allowed, by } = matrixAnswer(one, direction, self, other, flow.protocol, flow.port);
        const rules = by.map((name) => `NetworkPolicy x/${name}`).sort();
        const expected: Judgement = { verdict: allowed ? "allow" : "deny", rules };
        const { verdict, by: reasons } = evaluation[direction];
        const told = { verdict, rules: reasons.map(ruleName).sort() };
        if (!same(judgement[direction], expected) || !same(told, expected)) {
          expect([judgement[direction], told], `${one.title}: ${JSON.stringify(flow)}`).toEqual([expected, expected]);
        }
      }
    }
  }
}, 600_000);

/** Without the cost of `expect` on half a million comparisons. */
function same(a: Judgement, b: Judgement): boolean {
  return a.verdict === b.verdict && a.rules.join() === b.rules.join();
}
