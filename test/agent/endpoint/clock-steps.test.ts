import { expect, test } from "vitest";
import { parseObjects } from "#policy/parse/objects.ts";
import { makeNodeParts } from "./node-parts.ts";

const text = (annotations: string): string => `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: a, namespace: default, annotations: {${annotations}}}
spec:
  endpointSelector: {}
  enableDefaultDeny: {ingress: false}
  ingressDeny: [{fromEntities: [world]}]
`;

async function nodeWith(annotations: string) {
  const clock = { now: "2026-01-01" };
  const parts = makeNodeParts(() => new Date(clock.now));
  const address = await parts.attach("web", { app: "web" });
  const parsed = parseObjects(text(annotations), "x.yaml");
  if (!parsed.ok) throw new Error(parsed.errors[0]?.message);
  await parts.policy.apply(parsed.objects);
  const verdict = () => {
    const probe = { source: "192.0.2.1", destination: address, protocol: 6, port: 80 };
    return parts.kernel.judge(probe).ingress;
  };
  return { clock, policy: parts.policy, verdict };
}

test("a deny that a glitch of the clock has ended comes back with the clock", async () => {
  const { clock, policy, verdict } = await nodeWith(`weir.io/not-after: "2030-01-01T00:00:00Z"`);
  const before = verdict();
  clock.now = "2031-01-01";
  expect([policy.isOutdated, policy.hasDeadlines]).toEqual([true, true]);
  await policy.renew();
  expect(verdict()).not.toEqual(before);
  clock.now = "2026-01-01";
  // What tells the node to renew after a step.
  expect(policy.hasDeadlines).toBe(true);
  await policy.renew();
  expect(verdict()).toEqual(before);
});

test("by rule, too, and not where no rule ends", async () => {
  const byRule = await nodeWith(`weir.io/not-after: "ingressDeny[0]=2020-01-01T00:00:00Z"`);
  expect(byRule.policy.hasDeadlines).toBe(true);
  expect((await nodeWith("")).policy.hasDeadlines).toBe(false);
});
