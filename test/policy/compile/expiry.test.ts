import { describe, expect, test } from "vitest";
import type { PolicyObject } from "#policy/model/object.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { ciliumPolicy, ciliumRule, onPort, portItem } from "#test/support/cilium-objects.ts";
import { CompiledCluster } from "#test/support/compiled-cluster.ts";
import { clusterPolicy, clusterRule, kubernetesPolicy, labelled, pod, tcp } from "#test/support/policy-objects.ts";
import { randomCluster } from "#test/support/random-policy.ts";
import { sized } from "#test/support/size.ts";

/** Rules of random clusters end at 1000 and 2000. */
const INSTANTS = [0, 999, 1_000, 1_500, 2_000, 2_500];
const CLUSTERS = sized({ short: 300, long: 10_000 });

test("a policy that is not compiled anew never allows what the specification denies when rules have ended", () => {
  let ended = 0;
  for (let seed = 1; seed <= CLUSTERS; seed++) {
    const { objects, parties, flows } = randomCluster(seed, { flows: 20 });
    const compiled = new CompiledCluster(objects, parties, { at: 0 });
    for (const flow of flows) {
      const first = compiled.judge(flow, { at: 0 });
      for (const at of INSTANTS) {
        const [then, specified] = [compiled.judge(flow, { at }), judge(objects, flow, { at })];
        for (const direction of ["egress", "ingress"] as const) {
          const told = `seed ${seed}, at ${at}, ${direction}: ${JSON.stringify(flow)}`;
          if (at < 1_000) expect(then[direction], told).toEqual(specified[direction]);
          // A redirect that comes to match beside an allow lets through what the allow does.
          if (specified[direction].verdict === "deny") expect(then[direction].verdict, told).toBe("deny");
          if (then[direction].verdict !== first[direction].verdict) ended++;
        }
      }
    }
  }
  expect(ended).toBeGreaterThan(CLUSTERS);
}, 900_000);

test("an engine that evolves to another instant says what the specification says at that instant", () => {
  for (let seed = 1; seed <= sized({ short: 100, long: 2_000 }); seed++) {
    const { objects, parties, flows } = randomCluster(seed, { flows: 20 });
    let { engine } = new CompiledCluster(objects, parties, { at: 0 });
    for (const at of [1_000, 2_500, 0]) {
      engine = engine.evolve(objects, { at });
      const compiled = new CompiledCluster(objects, parties, {}, engine);
      for (const flow of flows)
        expect(compiled.judge(flow), `seed ${seed}, at ${at}`).toEqual(judge(objects, flow, { at }));
    }
  }
});

describe("after the end of a rule", () => {
  const [a, b] = [pod("n/a", "10.0.0.1"), pod("n/b", "10.0.0.2")];
  const controls = { object: { notAfter: 1_000 }, rules: {} };
  const free = { ingress: false, egress: false };
  const ofA = ciliumRule({ endpoints: [labelled({ app: "a" })], ports: [portItem([onPort(80)])] });
  const ofAnybody = ciliumRule({ ports: [portItem([onPort(80)])] });
  const allow = ciliumPolicy({ ingress: [ofA], defaultDeny: free }, { controls });

  /** By a policy that was compiled before: just before the end, and at it. */
  const verdicts = (...objects: PolicyObject[]): string[] => {
    const cluster = new CompiledCluster(objects, [a, b], { at: 0 });
    return [999, 1_000].map((at) => {
      const { verdict, rules } = cluster.judge(tcp(a, b), { at }).ingress;
      return [verdict, ...rules.map((rule) => rule.split(" ")[1])].join(" ");
    });
  };

  test("an allow denies", () => {
    expect(verdicts(ciliumPolicy({ ingress: [ofA] }, { controls }))).toEqual(["allow n/c", "deny"]);
  });

  test("an allow leaves it to what others allow of another peer", () => {
    const other = ciliumPolicy({ ingress: [ofAnybody] }, { name: "other" });
    expect(verdicts(allow, other)).toEqual(["allow n/c n/other", "allow n/other"]);
  });

  test("an allow of the same peer that goes on counts", () => {
    const other = ciliumPolicy({ ingress: [ofA] }, { name: "other" });
    expect(verdicts(allow, other)).toEqual(["allow n/c n/other", "allow n/c n/other"]);
  });

  test("an allow that stood before a rule of the Baseline tier denies", () => {
    const baseline = clusterPolicy({ tier: "Baseline", ingress: [clusterRule("Deny")] });
    expect(verdicts(allow, baseline)).toEqual(["allow n/c", "deny"]);
  });

  test("an allow of what passes anyway denies nothing", () => {
    expect(verdicts(allow)).toEqual(["allow n/c", "allow n/c"]);
  });

  test.each([
    ["a deny", ciliumPolicy({ ingressDeny: [ofA], ingress: [ofAnybody] }, { controls }), "deny n/c"],
    ["an accept of the Admin tier", clusterPolicy({ ingress: [clusterRule("Accept")], controls }), "allow /cnp"],
    ["a pass of the Admin tier", clusterPolicy({ ingress: [clusterRule("Pass")], controls }), "allow"],
    [
      "an accept of the Baseline tier",
      clusterPolicy({ tier: "Baseline", ingress: [clusterRule("Accept")], controls }),
      "allow /cnp",
    ],
  ])("%s denies", (_, policy, before) => {
    const [first, second] = verdicts(policy);
    expect(first).toBe(before);
    expect(second).toMatch(/^deny/);
  });

  test("isolation does not end", () => {
    expect(verdicts(kubernetesPolicy({ ingress: [], controls }))).toEqual(["deny", "deny"]);
  });
});
