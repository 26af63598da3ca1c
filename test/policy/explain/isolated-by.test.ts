import { expect, test } from "vitest";
import { Evaluator } from "#policy/explain/evaluate.ts";
import { NO_CONTROLS } from "#policy/model/controls.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { ciliumPolicy, ciliumRule, ciliumSpec, clusterwidePolicy } from "#test/support/cilium-objects.ts";
import {
  clusterPolicy,
  EVERY,
  HOST,
  kubernetesPolicy,
  labelled,
  pod,
  tcp,
  WORLD,
} from "#test/support/policy-objects.ts";

const [web, db] = [pod("n/web", "10.0.0.2"), pod("n/db", "10.0.0.3")];

/** `KIND NAMESPACE/NAME FILE:LINE` of those that isolate the db, for what comes from the web. */
function isolating(...objects: readonly PolicyObject[]): string[] {
  const { ingress } = new Evaluator(objects).evaluate(tcp(web, db));
  expect(new Evaluator(objects).isolation(db, "ingress").isolatedBy).toEqual(ingress.isolatedBy ?? []);
  return (ingress.isolatedBy ?? []).map(({ kind, namespace, name, file, line }) => {
    return `${kind} ${namespace}/${name} ${file}:${line}`;
  });
}

const strict = kubernetesPolicy({ name: "strict", ingress: [], source: { file: "b.yaml", line: 7 } });

test("a denial by default names the policies that isolate the end in that direction, by file and line", () => {
  const cilium = ciliumPolicy({ ingress: [ciliumRule({ cidrs: [] })] }, { source: { file: "b.yaml", line: 2 } });
  const other = kubernetesPolicy({ name: "other", podSelector: labelled({ app: "web" }), ingress: [] });
  const egress = kubernetesPolicy({ name: "egress", egress: [] });
  expect(isolating(strict, other, cilium, egress)).toEqual([
    "CiliumNetworkPolicy n/c b.yaml:2",
    "NetworkPolicy n/strict b.yaml:7",
  ]);
});

test("an object of several specs is named once; what is staged, or has tiers, isolates nobody", () => {
  const spec = ciliumSpec({ ingress: [ciliumRule({ cidrs: [] })] });
  const twice = ciliumPolicy([spec, { ...spec, prefix: "specs[1]." }]);
  const staged = { object: { staged: true }, rules: {} };
  const tried = kubernetesPolicy({ name: "tried", ingress: [], controls: staged });
  expect(isolating(twice, tried, clusterPolicy({ controls: NO_CONTROLS }))).toEqual([
    "CiliumNetworkPolicy n/c test.yaml:1",
  ]);
});

test("an allow, and a denial by a rule, name nobody", () => {
  const denying = ciliumPolicy({ ingressDeny: [ciliumRule({ endpoints: [EVERY] })] });
  const { egress, ingress } = new Evaluator([denying]).evaluate(tcp(web, db));
  expect([egress.verdict, ingress.verdict]).toEqual(["allow", "deny"]);
  expect([egress, ingress].map((end) => "isolatedBy" in end)).toEqual([false, false]);
});

test("the enforcement mode `always` isolates without any", () => {
  const { ingress } = new Evaluator([], { enforcement: "always" }).evaluate(tcp(web, db));
  expect(ingress).toMatchObject({ verdict: "deny", isolatedBy: [] });
});

test("a node is isolated by policies about nodes", () => {
  const guard = clusterwidePolicy({ nodes: labelled({ role: "edge" }), ingress: [ciliumRule({ cidrs: [] })] });
  const host = { ...HOST, nodeLabels: { role: "edge" } };
  const { ingress } = new Evaluator([guard, strict]).evaluate(tcp(WORLD, host));
  expect(ingress.isolatedBy).toMatchObject([{ kind: "CiliumClusterwideNetworkPolicy", name: "cc" }]);
});

test("of many, 32 are named and the rest is counted", () => {
  const many = Array.from({ length: 40 }, (_, i) => kubernetesPolicy({ name: `p${i}`, ingress: [] }));
  const { ingress } = new Evaluator(many).evaluate(tcp(web, db));
  expect(ingress.isolatedBy).toHaveLength(32);
  expect(ingress.isolatedByMore).toBe(8);
});
