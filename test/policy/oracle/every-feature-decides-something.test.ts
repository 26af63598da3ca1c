import { expect, test } from "vitest";
import type { Flow } from "#policy/model/flow.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { FEATURES, withoutFeature } from "#test/support/policy-features.ts";
import { INSTANTS } from "#test/support/random-controls.ts";
import { randomCluster } from "#test/support/random-policy.ts";

/** What is said of flows by some objects, at different times, staged or not. */
function judgements(objects: readonly PolicyObject[], flows: readonly Flow[]): string[] {
  return flows.flatMap((flow, i) => {
    const at = INSTANTS[i % INSTANTS.length];
    const { egress, ingress } = judge(objects, flow, { staged: i % 2 === 0, ...(at !== undefined && { at }) });
    return [JSON.stringify(egress), JSON.stringify(ingress)];
  });
}

const clusters = Array.from({ length: 200 }, (_, seed) => {
  const { objects, flows } = randomCluster(seed);
  return { objects, flows, before: judgements(objects, flows) };
});

test.each(FEATURES)("without %s random clusters would decide otherwise", (feature) => {
  let changed = 0;
  for (const { objects, flows, before } of clusters) {
    const after = judgements(withoutFeature(objects, feature), flows);
    changed += after.filter((one, i) => one !== before[i]).length;
  }
  expect(changed).toBeGreaterThan(10);
});
