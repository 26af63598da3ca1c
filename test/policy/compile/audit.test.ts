import { expect, test } from "vitest";
import type { EngineOptions, Enforcement } from "#policy/compile/engine.ts";
import { Evaluator } from "#policy/explain/evaluate.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { ciliumPolicy, ciliumRule } from "#test/support/cilium-objects.ts";
import { CompiledCluster } from "#test/support/compiled-cluster.ts";
import {
  clusterPolicy,
  clusterRule,
  kubernetesPolicy,
  kubernetesRule,
  labelled,
  peerOf,
  pod,
  tcp,
} from "#test/support/policy-objects.ts";

const web = pod("n/web", "10.0.0.1");
const database = pod("n/db", "10.0.0.2");
const fromWeb = kubernetesRule({ peers: [peerOf({ podSelector: labelled({ app: "web" }) })] });
const fromDatabase = kubernetesRule({ peers: [peerOf({ podSelector: labelled({ app: "db" }) })] });
const denyAll = [ciliumRule({ entities: ["all"] })];

/** What passes from web to the database, and what would if it counted: by compiled policy, explanation and oracle. */
function verdicts(objects: readonly PolicyObject[], options: EngineOptions): unknown[] {
  const flow = tcp(web, database);
  const compiled = new CompiledCluster(objects, [web, database], options);
  const { ingress } = new Evaluator(objects, options).evaluate(flow);
  return [
    [compiled.judge(flow), compiled.judge(flow, { staged: true })].map((one) => one.ingress.verdict),
    [ingress.verdict, (ingress.staged ?? ingress).verdict],
    [judge(objects, flow, options), judge(objects, flow, { ...options, staged: true })].map(
      (one) => one.ingress.verdict,
    ),
  ];
}

test.for<[string, readonly PolicyObject[], Enforcement, string, string]>([
  ["isolation", [kubernetesPolicy({ ingress: [fromDatabase] })], "default", "deny", "allow"],
  ["a rule that allows", [kubernetesPolicy({ ingress: [fromWeb] })], "default", "allow", "allow"],
  ["a rule that denies", [ciliumPolicy({ ingressDeny: denyAll })], "default", "deny", "allow"],
  ["a tier", [clusterPolicy({ ingress: [clusterRule("Deny")] })], "default", "deny", "allow"],
  ["no policy at all", [], "default", "allow", "allow"],
  ["no policy at all, and enforcement always", [], "always", "deny", "allow"],
  ["isolation, and enforcement never", [kubernetesPolicy({ ingress: [] })], "never", "allow", "allow"],
])("auditing enforces nothing, and knows what would be: %s", ([, objects, enforcement, normal, audited]) => {
  const same = (...pair: string[]): unknown[] => [pair, pair, pair];
  expect(verdicts(objects, { enforcement, audit: false })).toEqual(same(normal, normal));
  expect(verdicts(objects, { enforcement, audit: true })).toEqual(same(audited, normal));
});
