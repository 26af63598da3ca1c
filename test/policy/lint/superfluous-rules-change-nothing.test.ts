import { expect, test } from "vitest";
import { lint } from "#policy/lint/lint.ts";
import type { Finding } from "#policy/lint/finding.ts";
import type { Flow } from "#policy/model/flow.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { INSTANTS } from "#test/support/random-controls.ts";
import { randomCluster } from "#test/support/random-policy.ts";
import { withoutRule } from "#test/support/without-rule.ts";

const CLUSTERS = 250;
const FLOWS = 50;
const FIRST_SEED = 70_000;

/** Those that, as they say, can be left out: also a whole allow that a deny takes back. */
function isSuperfluous({ code, message }: Finding): boolean {
  return code === "shadowed" || code === "redundant" || (code === "contradicts" && message.includes("completely"));
}

const verdicts = (objects: readonly PolicyObject[], flow: Flow): unknown =>
  [false, true].flatMap((staged) =>
    INSTANTS.map((at) => {
      const { egress, ingress } = judge(objects, flow, { staged, ...(at !== undefined && { at }) });
      return [egress.verdict, ingress.verdict];
    }),
  );

test("what lint calls shadowed or redundant can be left out, all of it together", () => {
  const seen = { shadowed: 0, redundant: 0, contradicts: 0 };
  for (let seed = FIRST_SEED; seed < FIRST_SEED + CLUSTERS; seed++) {
    const { objects, flows } = randomCluster(seed, { flows: FLOWS });
    let left: readonly PolicyObject[] = objects;
    for (const one of lint(objects).filter(isSuperfluous)) {
      left = withoutRule(left, one);
      seen[one.code as keyof typeof seen]++;
    }
    if (left === objects) continue;
    for (const flow of flows) {
      expect(verdicts(left, flow), `seed ${seed}: ${JSON.stringify(flow)}`).toEqual(verdicts(objects, flow));
    }
  }
  // The generator makes cases worth judging.
  expect(seen.shadowed).toBeGreaterThan(CLUSTERS / 4);
  expect(seen.redundant).toBeGreaterThan(CLUSTERS / 4);
  expect(seen.contradicts).toBeGreaterThan(0);
});
