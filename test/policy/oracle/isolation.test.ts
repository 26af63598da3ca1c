import { describe, expect, test } from "vitest";
import type { PolicyObject } from "#policy/model/object.ts";
import { judge } from "#policy/oracle/oracle.ts";
import type { OracleOptions } from "#policy/oracle/question.ts";
import { ciliumPolicy, ciliumRule, ciliumSpec } from "#test/support/cilium-objects.ts";
import {
  HOST,
  WORLD,
  clusterPolicy,
  clusterRule,
  kubernetesPolicy,
  labelled,
  pod,
  tcp,
} from "#test/support/policy-objects.ts";

const a = pod("n/a", "10.0.0.1");
const b = pod("n/b", "10.0.0.2");
const flow = tcp(a, b);

function verdicts(objects: PolicyObject[], options: OracleOptions = {}): string {
  const { egress, ingress } = judge(objects, flow, options);
  return `${egress.verdict} ${ingress.verdict}`;
}

describe("who is isolated", () => {
  test("nobody without a policy", () => {
    expect(judge([], flow)).toEqual({
      egress: { verdict: "allow", rules: [] },
      ingress: { verdict: "allow", rules: [] },
    });
  });

  test("by NetworkPolicy those whom it selects, in its directions", () => {
    expect(verdicts([kubernetesPolicy({ ingress: [] })])).toBe("allow deny");
    expect(verdicts([kubernetesPolicy({ egress: [] })])).toBe("deny allow");
    expect(verdicts([kubernetesPolicy({ ingress: [], podSelector: labelled({ app: "a" }) })])).toBe("allow allow");
    expect(verdicts([kubernetesPolicy({ ingress: [], namespace: "other" })])).toBe("allow allow");
  });

  test("by CiliumNetworkPolicy where it has a rule, also one that matches nothing", () => {
    expect(verdicts([ciliumPolicy({ ingress: [ciliumRule()] })])).toBe("allow deny");
    expect(verdicts([ciliumPolicy({ egressDeny: [ciliumRule()] })])).toBe("deny allow");
    expect(verdicts([ciliumPolicy({})])).toBe("allow allow");
  });

  test("by CiliumNetworkPolicy as defaultDeny says, with rules or without", () => {
    const exempt = { ingress: false, egress: false };
    expect(verdicts([ciliumPolicy({ ingress: [ciliumRule()], defaultDeny: exempt })])).toBe("allow allow");
    expect(verdicts([ciliumPolicy({ defaultDeny: { ingress: true, egress: false } })])).toBe("allow deny");
  });

  test("one policy that isolates is enough, each spec counts by itself", () => {
    const exempt = { ingress: false, egress: false };
    const specs = [ciliumSpec({ prefix: "specs[0].", defaultDeny: exempt }), ciliumSpec({ prefix: "specs[1]." })];
    expect(verdicts([ciliumPolicy(specs)])).toBe("allow allow");
    expect(verdicts([ciliumPolicy([...specs, ciliumSpec({ ingress: [ciliumRule()] })])])).toBe("allow deny");
    expect(verdicts([ciliumPolicy(specs), kubernetesPolicy({ egress: [] })])).toBe("deny allow");
  });

  test("by no ClusterNetworkPolicy", () => {
    const nothing = clusterRule("Accept", { peers: [] });
    expect(verdicts([clusterPolicy({ ingress: [nothing], egress: [nothing] })])).toBe("allow allow");
  });
});

describe("modes of enforcement", () => {
  const baseline = clusterPolicy({ tier: "Baseline", ingress: [clusterRule("Accept")] });
  const deny = clusterPolicy({ ingress: [clusterRule("Deny")] });

  test("always: every pod, both ways, so that the last tier is not reached", () => {
    expect(verdicts([], { enforcement: "always" })).toBe("deny deny");
    expect(verdicts([baseline], { enforcement: "always" })).toBe("deny deny");
    expect(
      verdicts([kubernetesPolicy({ ingress: [{ line: 1, peers: [], ports: [] }] })], { enforcement: "always" }),
    ).toBe("deny allow");
    expect(judge([], tcp(WORLD, b), { enforcement: "always" }).egress.verdict).toBe("allow");
  });

  test("never: no policy of any tier counts", () => {
    expect(verdicts([kubernetesPolicy({ ingress: [] }), deny], { enforcement: "never" })).toBe("allow allow");
    expect(verdicts([deny])).toBe("allow deny");
  });
});

describe("what no policy concerns", () => {
  const objects = [kubernetesPolicy({ ingress: [], egress: [] }), clusterPolicy({ ingress: [clusterRule("Deny")] })];

  test("what a pod says to itself", () => {
    expect(judge(objects, tcp(a, { ...a }), { enforcement: "always" })).toEqual(judge([], flow));
  });

  test("what its node says to a pod, but not the other way", () => {
    expect(judge(objects, tcp(HOST, b), { enforcement: "always" }).ingress.verdict).toBe("allow");
    expect(judge(objects, tcp(b, HOST)).egress.verdict).toBe("deny");
    expect(judge(objects, tcp({ ...HOST, reserved: "remote-node" }, b)).ingress.verdict).toBe("deny");
  });
});
