import { describe, expect, test } from "vitest";
import { Conversion } from "#policy/compile/conversion.ts";
import { PolicyTable, live } from "#policy/compile/policy-table.ts";
import type { CiliumCidrGroupObject } from "#policy/model/cilium-object.ts";
import type { NetworkPolicyObject, PolicyObject } from "#policy/model/object.ts";
import type { Policy } from "#policy/model/rule.ts";
import { ciliumPolicy, ciliumRule } from "#test/support/cilium-objects.ts";
import { EVERY, kubernetesPolicy, kubernetesRule, labelled, source } from "#test/support/policy-objects.ts";

const newTable = (): PolicyTable => new PolicyTable(new Conversion());
const ending = (rules: Readonly<Record<string, number>>): NetworkPolicyObject["controls"] => {
  return {
    object: {},
    rules: Object.fromEntries(Object.entries(rules).map(([rule, notAfter]) => [rule, { notAfter }])),
  };
};
const group = (...cidrs: string[]): CiliumCidrGroupObject => {
  return { kind: "CiliumCIDRGroup", namespace: "", name: "g", source, labels: {}, cidrs };
};

/** Numbers and names of the policies of some objects. */
const read = (table: PolicyTable, objects: PolicyObject[], at: number | null = null): string[] =>
  table.read(objects, at).map(({ number, policy }) => `${number} ${policy.description.name}`);

describe("numbers", () => {
  const [a, b] = [kubernetesPolicy({ name: "a", ingress: [] }), kubernetesPolicy({ name: "b", ingress: [] })];

  test("stay with a policy, in whatever order and however often its object is read", () => {
    const table = newTable();
    expect(read(table, [a, b])).toEqual(["0 a", "1 b"]);
    expect(read(table, [b, a])).toEqual(["1 b", "0 a"]);
    expect(read(table, [b])).toEqual(["1 b"]);
    expect(read(table, [{ ...a }, b])).toEqual(["0 a", "1 b"]);
    expect(table.size).toBe(2);
  });

  test("are new for other content, and the old ones again for the old content", () => {
    const table = newTable();
    const changed = kubernetesPolicy({ name: "a", ingress: [kubernetesRule()] });
    expect([read(table, [a]), read(table, [changed]), read(table, [a])]).toEqual([["0 a"], ["1 a"], ["0 a"]]);
  });

  test("tell apart what differs only in its place", () => {
    const table = newTable();
    const moved = { ...a, source: { ...source, line: 9 } };
    expect([read(table, [a]), read(table, [moved])]).toEqual([["0 a"], ["1 a"]]);
  });

  test("of two objects with one name the later one counts", () => {
    const table = newTable();
    expect(read(table, [a, kubernetesPolicy({ name: "a", egress: [] })])).toHaveLength(1);
    expect(table.read([a, kubernetesPolicy({ name: "a", egress: [] })], null)[0]?.policy.isolates).toEqual({
      ingress: false,
      egress: true,
    });
  });

  test("each spec of an object is a policy of its own", () => {
    const spec = ciliumPolicy({ ingress: [] }).specs[0] as ReturnType<typeof ciliumPolicy>["specs"][0];
    const object = ciliumPolicy([spec, { ...spec, endpoints: labelled({ app: "b" }) }]);
    expect(read(newTable(), [object])).toEqual(["0 c", "1 c"]);
  });
});

test("an object that is not there twice in a row is converted again, with its old number", () => {
  const table = newTable();
  const object = kubernetesPolicy({ ingress: [] });
  const [first] = table.read([object], null);
  expect(table.read([object], null)[0]).toBe(first);
  table.read([], null);
  expect(table.read([object], null)[0]).toBe(first);
});

describe("what an object does not say itself", () => {
  test("is looked at again: groups of ranges", () => {
    const table = newTable();
    const cidrs = [{ kind: "group", name: "g", except: [] }] as const;
    const policy = ciliumPolicy({ egress: [ciliumRule({ cidrs })] });
    const ranges = (...objects: PolicyObject[]): unknown =>
      table.read([policy, ...objects], null)[0]?.policy.rules[0]?.peers?.map((peer) => "cidr" in peer && peer.cidr);
    expect(ranges(group("10.1.0.0/16"))).toEqual(["10.1.0.0/16"]);
    expect(ranges(group("10.2.0.0/16", "10.3.0.0/16"))).toEqual(["10.2.0.0/16", "10.3.0.0/16"]);
    expect(ranges()).toEqual([]);
  });

  test("is looked at again: the time", () => {
    const table = newTable();
    const policy = kubernetesPolicy({
      ingress: [kubernetesRule(), kubernetesRule()],
      controls: ending({ "ingress[1]": 1_000 }),
    });
    const rules = (at: number | null): string[] =>
      table.read([policy], at).flatMap((one) => one.policy.rules.map(({ description }) => description.rule));
    expect([null, 999, 1_000, 999].map(rules)).toEqual([
      ["ingress[0]", "ingress[1]"],
      ["ingress[0]", "ingress[1]"],
      ["ingress[0]"],
      ["ingress[0]", "ingress[1]"],
    ]);
  });
});

describe("what is live of a policy", () => {
  const rules = [
    ciliumRule({ endpoints: [EVERY], requires: [labelled({ app: "a" })] }),
    ciliumRule({ endpoints: [EVERY] }),
  ];
  const object = ciliumPolicy({ ingress: rules }, { controls: ending({ "ingress[0]": 1_000 }) });
  const policy = newTable().read([object], null)[0]?.policy as Policy;

  test("is the policy itself as long as nothing has ended", () => {
    expect(live(policy, null)).toBe(policy);
    expect(live(policy, 999)).toBe(policy);
  });

  test("is without rules and requirements from their end on, and isolates as before", () => {
    const later = live(policy, 1_000);
    expect([policy.rules.length, later.rules.length]).toEqual([2, 1]);
    expect([policy.requires.ingress.length, later.requires.ingress.length]).toEqual([1, 0]);
    expect(later.isolates).toEqual(policy.isolates);
  });
});
