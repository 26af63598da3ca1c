import { describe, expect, test } from "vitest";
import { evaluate } from "#policy/explain/evaluate.ts";
import { resolveParties } from "#policy/explain/parties.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { parseObjects } from "#policy/parse/objects.ts";
import { CompiledCluster } from "#test/support/compiled-cluster.ts";
import {
  type NetworkPolicyCase,
  type Step,
  caseObjects,
  networkPolicyCases,
} from "#test/support/network-policy-cases.ts";

function parse(text: string): PolicyObject[] {
  const parsed = parseObjects(text, "case.yaml");
  expect(parsed).toMatchObject({ ok: true });
  return parsed.ok ? parsed.objects : [];
}

/** Every pair of pods, port and protocol, with the verdicts of the three judges. */
function* judgements(one: NetworkPolicyCase, step: Step) {
  const objects = parse(caseObjects(one, step));
  for (const from of one.pods) {
    for (const to of one.pods.filter((pod) => pod !== from)) {
      const parties = resolveParties(objects, from, to);
      if (!parties.ok) throw new Error(parties.error);
      const cluster = new CompiledCluster(objects, [parties.source, parties.destination]);
      for (const port of one.ports) {
        for (const protocol of one.protocols) {
          const flow = { source: parties.source, destination: parties.destination, protocol, port };
          const verdicts = [cluster.judge(flow), judge(objects, flow), evaluate(objects, flow)].map(
            ({ egress, ingress }) => egress.verdict === "deny" || ingress.verdict === "deny",
          );
          yield { probe: { from, to, port, protocol }, verdicts };
        }
      }
    }
  }
}

test("there are 48 cases about traffic", () => {
  expect(networkPolicyCases).toHaveLength(48);
});

describe.each(networkPolicyCases)("$title", (one) => {
  test.each(one.steps.map((step, i) => [i, step] as const))("step %i", (_, step) => {
    let blocked = 0;
    for (const { probe, verdicts } of judgements(one, step)) {
      const expected = step.blocked(probe);
      expect(verdicts, JSON.stringify(probe)).toEqual([expected, expected, expected]);
      if (expected) blocked++;
    }
    if (step.policies.length === 0) expect(blocked).toBe(0);
  });
});
