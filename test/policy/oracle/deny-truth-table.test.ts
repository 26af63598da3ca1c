import { expect, test } from "vitest";
import type { Flow } from "#policy/model/flow.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { ciliumPolicy, ciliumRule, onPort, portItem } from "#test/support/cilium-objects.ts";
import { denyTruthCases, denyTruthProbes } from "#test/support/deny-truth-cases.ts";
import { EVERY } from "#test/support/policy-objects.ts";

const of81 = ciliumRule({ ports: [portItem([onPort(81)])] });
const of80 = ciliumRule({ ports: [portItem([onPort(80)])] });
const ofPods = ciliumRule({ endpoints: [EVERY] });

test.each(denyTruthCases)("$title", ({ policy, expected }) => {
  const verdicts = denyTruthProbes.map((flow) => judge([policy], flow).ingress.verdict);
  expect(verdicts.map((verdict) => (verdict === "deny" ? "D" : "A")).join("")).toBe(expected);
});

test("a deny names all rules that deny, and no other", () => {
  const policy = ciliumPolicy({ ingress: [of80, ofPods], ingressDeny: [of81, ofPods, of80, ofPods] });
  const [, flow] = denyTruthProbes as readonly [Flow, Flow, Flow];
  expect(judge([policy], flow).ingress).toEqual({
    verdict: "deny",
    rules: [1, 2, 3].map((i) => `CiliumNetworkPolicy n/c ingressDeny[${i}]`),
  });
});

test("a deny does what it says also where no policy isolates", () => {
  const policy = ciliumPolicy({ ingressDeny: [of80], defaultDeny: { ingress: false, egress: false } });
  expect(denyTruthProbes.map((flow) => judge([policy], flow).ingress.verdict)).toEqual(["allow", "deny", "allow"]);
});
