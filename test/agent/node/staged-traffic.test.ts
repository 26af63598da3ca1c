import { expect, test } from "vitest";
import { StagedTraffic } from "#agent/node/staged-traffic.ts";
import { PolicyEngine } from "#policy/compile/engine.ts";
import type { ObjectControls } from "#policy/model/controls.ts";
import { denial, denyingEnd, event, noEnd, webEnd } from "#test/agent/flows/fixture.ts";
import { clusterPolicy, clusterRule, kubernetesPolicy, pod } from "#test/support/policy-objects.ts";

const STAGED: ObjectControls = { object: { staged: true }, rules: {} };
const subjects = { 12: pod("n/web", "10.0.0.7").subject, 13: pod("n/db", "10.0.0.8").subject };

/** An agent in generation 41 with the pods of the events: 12 connects to 13. Staged: no egress, and all ingress. */
function makeTraffic(): StagedTraffic {
  const engine = new PolicyEngine([
    kubernetesPolicy({ name: "closed", egress: [], controls: STAGED }),
    clusterPolicy({ name: "open", ingress: [clusterRule("Accept")], controls: STAGED }),
    kubernetesPolicy({ name: "strict", ingress: [] }),
  ]);
  engine.addIdentity(webEnd.identity, subjects[12]);
  engine.addIdentity(denyingEnd.identity, subjects[13]);
  return new StagedTraffic({
    enforcement: { engine },
    endpoints: { get: (id) => (id === 12 || id === 13 ? { subject: subjects[id] } : undefined) },
    kernel: { control: { generation: () => 41n } },
    clock: { wallNanoseconds: (boot) => boot },
  });
}

const counts = (traffic: StagedTraffic) =>
  traffic.list().map(({ name, rule, denied, allowed }) => `${name} ${rule ?? "-"}: ${denied} ${allowed}`);

test("only ends that would be judged otherwise are told of and counted", () => {
  const traffic = makeTraffic();
  const egress = { direction: "egress", verdict: "deny", rules: [] };
  const ingress = { direction: "ingress", verdict: "allow", rules: [expect.objectContaining({ name: "open" })] };
  expect(traffic.see(denial())).toEqual([egress, ingress]);
  expect(traffic.see(event())).toEqual([egress]);
  expect(traffic.see(event({ end: [{ ...webEnd, verdict: 2 }, noEnd] }))).toEqual([]);
  expect(counts(traffic)).toEqual(["open -: 0 0", "open ingress[0]: 0 1", "closed -: 2 0"]);
  expect(traffic.list().at(-1)).toMatchObject({ rule: null, last: "1970-01-01T00:00:00.000000001Z" });
});

test("what an earlier policy judged is not compared", () => {
  const traffic = makeTraffic();
  expect(traffic.see(event({ generation: 40n }))).toEqual([]);
  expect(counts(traffic)).toContain("closed -: 0 0");
});

test("an endpoint that is gone is passed over", () => {
  const ends = [{ ...webEnd, endpoint: 99 }, noEnd] as const;
  expect(makeTraffic().see(event({ end: ends }))).toEqual([]);
});
