import { describe, expect, test } from "vitest";
import type { ObjectControls } from "#policy/model/controls.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { judge } from "#policy/oracle/oracle.ts";
import type { OracleOptions } from "#policy/oracle/question.ts";
import { ciliumPolicy, ciliumRule, ciliumSpec } from "#test/support/cilium-objects.ts";
import {
  EVERY,
  clusterPolicy,
  clusterRule,
  kubernetesPolicy,
  kubernetesRule,
  labelled,
  pod,
  tcp,
} from "#test/support/policy-objects.ts";

const flow = tcp(pod("n/a", "10.0.0.1"), pod("n/b", "10.0.0.2"));

function ingress(objects: PolicyObject[], options: OracleOptions = {}): string {
  const { verdict, rules } = judge(objects, flow, options).ingress;
  return [verdict, ...rules.map((rule) => rule.split(" ")[2])].join(" ");
}

const staged: ObjectControls = { object: { staged: true }, rules: {} };
const stagedRule = (rule: string): ObjectControls => ({ object: {}, rules: { [rule]: { staged: true } } });
const allow = ciliumRule({ endpoints: [EVERY] });

describe("what is staged", () => {
  test("an object neither isolates nor denies nor allows, until it is in force", () => {
    const objects = [
      kubernetesPolicy({ ingress: [kubernetesRule()], controls: staged }),
      ciliumPolicy({ ingress: [allow] }, { controls: staged }),
      clusterPolicy({ ingress: [clusterRule("Deny")], controls: staged }),
    ];
    expect(objects.map((one) => ingress([one]))).toEqual(["allow", "allow", "allow"]);
    expect(objects.map((one) => ingress([one], { staged: true }))).toEqual([
      "allow ingress[0]",
      "allow ingress[0]",
      "deny ingress[0]",
    ]);
    expect(ingress([kubernetesPolicy({ ingress: [], controls: staged })], { staged: true })).toBe("deny");
  });

  test("an object does not end the isolation of others", () => {
    const closed = kubernetesPolicy({ name: "closed", ingress: [] });
    const open = kubernetesPolicy({ ingress: [kubernetesRule()], controls: staged });
    expect([ingress([closed, open]), ingress([closed, open], { staged: true })]).toEqual(["deny", "allow ingress[0]"]);
  });

  test("a single rule is left out, and its object still isolates", () => {
    const policy = kubernetesPolicy({ ingress: [kubernetesRule()], controls: stagedRule("ingress[0]") });
    expect([ingress([policy]), ingress([policy], { staged: true })]).toEqual(["deny", "allow ingress[0]"]);
    const ingressDeny = [ciliumRule({ entities: ["all"] })];
    const deny = ciliumPolicy({ ingress: [allow], ingressDeny }, { controls: stagedRule("ingressDeny[0]") });
    expect([ingress([deny]), ingress([deny], { staged: true })]).toEqual(["allow ingress[0]", "deny ingressDeny[0]"]);
  });

  test("a rule is named with its spec", () => {
    const specs = ["specs[0].", "specs[1]."].map((prefix) => ciliumSpec({ prefix, ingress: [allow] }));
    expect(ingress([ciliumPolicy(specs, { controls: stagedRule("specs[0].ingress[0]") })])).toBe(
      "allow specs[1].ingress[0]",
    );
  });

  test("a rule that is left out keeps the places of the others", () => {
    const ofFirst = clusterPolicy({
      name: "x",
      ingress: [clusterRule("Deny"), clusterRule("Accept")],
      controls: stagedRule("ingress[0]"),
    });
    const second = clusterPolicy({ name: "y", ingress: [clusterRule("Accept"), clusterRule("Deny")] });
    const { rules } = judge([ofFirst, second], flow).ingress;
    expect(rules).toEqual(["ClusterNetworkPolicy /y ingress[0]"]);
  });

  test("a requirement requires nothing", () => {
    const rules = [allow, ciliumRule({ requires: [labelled({ team: "a" })] })];
    const policy = ciliumPolicy({ ingress: rules }, { controls: stagedRule("ingress[1]") });
    expect([ingress([policy]), ingress([policy], { staged: true })]).toEqual(["allow ingress[0]", "deny"]);
  });
});

describe("what ends", () => {
  const ending = (object: number | null, rule: number | null): ObjectControls => ({
    object: object === null ? {} : { notAfter: object },
    rules: rule === null ? {} : { "ingress[0]": { notAfter: rule } },
  });
  const policy = (controls: ObjectControls): PolicyObject =>
    kubernetesPolicy({ ingress: [kubernetesRule()], controls });

  test("does not count from that instant on, and its object still isolates", () => {
    const at = (now?: number): string => ingress([policy(ending(1000, null))], now === undefined ? {} : { at: now });
    expect([at(), at(999), at(1000), at(1001)]).toEqual(["allow ingress[0]", "allow ingress[0]", "deny", "deny"]);
  });

  test("is said of a rule before it is said of the object, whichever is later", () => {
    expect(ingress([policy(ending(1000, 2000))], { at: 1500 })).toBe("allow ingress[0]");
    expect(ingress([policy(ending(2000, 1000))], { at: 1500 })).toBe("deny");
  });

  test("may be a deny, or a rule of another tier", () => {
    const ingressDeny = [ciliumRule({ entities: ["all"] })];
    const controls = { object: {}, rules: { "ingressDeny[0]": { notAfter: 1000 } } };
    expect(ingress([ciliumPolicy({ ingress: [allow], ingressDeny }, { controls })], { at: 1000 })).toBe(
      "allow ingress[0]",
    );
    expect(
      ingress([clusterPolicy({ ingress: [clusterRule("Deny")], controls: ending(1000, null) })], { at: 1000 }),
    ).toBe("allow");
  });

  test("may be staged as well: then both must let it count", () => {
    const both = { object: { staged: true, notAfter: 1000 }, rules: {} };
    expect(ingress([policy(both)], { at: 500 })).toBe("allow");
    expect(ingress([policy(both)], { at: 500, staged: true })).toBe("allow ingress[0]");
    expect(ingress([policy(both)], { at: 1000, staged: true })).toBe("deny");
  });
});

test("limits change no verdict", () => {
  const controls = { object: { rate: 1, connections: 1 }, rules: { "ingress[0]": { rate: 5 } } };
  expect(ingress([kubernetesPolicy({ ingress: [kubernetesRule()], controls })])).toBe("allow ingress[0]");
});
