import { expect, test } from "vitest";
import type { StagedOutcome } from "#agent/api/flow.ts";
import { flowFilter } from "#agent/flows/filter.ts";
import { NearestRules } from "#agent/flows/nearest.ts";
import { FlowRenderer } from "#agent/flows/render.ts";
import { FlowRing } from "#agent/flows/ring.ts";
import { addEvent, denial, event, FakeContext, filtering, query } from "./fixture.ts";

const denied: StagedOutcome = { direction: "ingress", verdict: "deny", rules: [] };
const redirected: StagedOutcome = { ...denied, verdict: "redirect" };

test.each([
  ["what would be dropped if anything were enforced", event(), [denied], true, "AUDIT"],
  ["what one staged policy would drop", event(), [denied], false, "FORWARDED"],
  ["what would pass otherwise", event(), [redirected], true, "FORWARDED"],
  ["what would pass as it does", event(), [], true, "FORWARDED"],
  ["what is dropped", denial(), [denied], true, "DROPPED"],
] as const)("%s", (_, what, staged, audit, verdict) => {
  const context = new FakeContext();
  const ring = new FlowRing(context, 1);
  // Nothing of the one that was in its place stays.
  addEvent(ring, event(), [denied], true);
  addEvent(ring, what, staged, audit);
  const record = ring.get(1);
  if (!record) throw new Error("the ring lost the event");
  expect(new FlowRenderer(context, new NearestRules(context)).render(record).verdict).toBe(verdict);
  const verdicts = ["FORWARDED", "DROPPED", "AUDIT"].filter((one) =>
    flowFilter(query({ verdict: one }), filtering)(record),
  );
  expect(verdicts).toEqual([verdict]);
});
