import { expect, test } from "vitest";
import type { PolicyOptions } from "#agent/endpoint/policy-controller.ts";
import { objectsOf } from "#test/support/two-pods.ts";
import { makeNodeParts } from "./node-parts.ts";

const START: PolicyOptions = { enforcement: "default", cidrMatchesPods: "language", audit: false };

const policies = objectsOf(`
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: server, namespace: default}
spec:
  podSelector: {matchLabels: {app: server}}
  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: other, namespace: default}
spec: {endpointSelector: {matchLabels: {app: other}}, ingress: [{fromCIDR: [10.0.0.0/8]}]}`);

/** A node with three pods, and what a client may do. */
async function nodeWithPods() {
  const parts = makeNodeParts();
  const pods = new Map<string, string>();
  for (const app of ["server", "other", "client"]) pods.set(app, await parts.attach(app, { app }));
  await parts.policy.apply(policies);
  const judge = (from: string, to: string): string => {
    const probe = { source: pods.get(from) ?? "", destination: pods.get(to) ?? "", protocol: 6, port: 80 };
    const { egress, ingress } = parts.kernel.judge(probe);
    return egress.verdict === "allow" ? ingress.verdict : egress.verdict;
  };
  return { ...parts, verdicts: () => [judge("client", "server"), judge("client", "other"), judge("server", "client")] };
}

test.each([
  [{}, ["allow", "deny", "allow"]],
  [{ enforcement: "always" }, ["deny", "deny", "deny"]],
  [{ enforcement: "never" }, ["allow", "allow", "allow"]],
  [{ audit: true }, ["allow", "allow", "allow"]],
  [{ audit: true, enforcement: "always" }, ["allow", "allow", "allow"]],
  [{ cidrMatchesPods: true }, ["allow", "allow", "allow"]],
  [{ cidrMatchesPods: false }, ["deny", "deny", "allow"]],
] as const)("%j, and back again", async (changes, expected) => {
  const { policy, kernel, verdicts } = await nodeWithPods();
  const before = verdicts();
  const options = { ...START, ...changes };
  const isChange = Object.keys(changes).length > 0;
  const { revision } = policy;
  expect(await policy.configure(options, policies)).toBeNull();
  expect(verdicts()).toEqual(expected);
  expect(policy.options).toEqual(options);
  expect(policy.revision).toBe(isChange ? revision + 1n : revision);
  expect(policy.at(policy.revision).options).toMatchObject(options);
  if (isChange) expect(policy.at(revision).options).toMatchObject(START);
  // Objects that come later are read in the same way.
  await policy.apply([...policies]);
  expect(verdicts()).toEqual(expected);

  expect(await policy.configure(START, policy.objects)).toBeNull();
  expect(verdicts()).toEqual(before);
  expect(policy.revision).toBe(kernel.control.generation());
});

test("no packet meets a mixture: the verdicts change all at once", async () => {
  const { policy, kernel, verdicts } = await nodeWithPods();
  const seen = new Set<string>();
  kernel.onWrite = () => void seen.add(verdicts().join());
  await policy.configure({ ...START, cidrMatchesPods: false, enforcement: "always" }, policies);
  expect([...seen]).toEqual(["allow,deny,allow", "deny,deny,deny"]);
});

test("options with which the policy does not fit are refused, and everything is as before", async () => {
  const { policy, verdicts } = await nodeWithPods();
  const ports = Array.from({ length: 20_000 }, (_, n) => `{port: ${2 * n + 1}}`).join();
  const large = objectsOf(`
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: client, namespace: default}
spec: {podSelector: {matchLabels: {app: client}}, ingress: [{ports: [${ports}]}]}`);
  await policy.configure({ ...START, audit: true }, [...policies, ...large]);
  const { revision, objects, options } = policy;
  expect(await policy.configure(START, objects)).toMatch(/entries and a policy map holds/);
  expect(policy).toMatchObject({ revision, objects, options, refusal: null });
  expect(verdicts()).toEqual(["allow", "allow", "allow"]);
});
