import { expect, test } from "vitest";
import { objectsOf } from "#test/support/two-pods.ts";
import { makeNodeParts } from "./node-parts.ts";

const allowing = (...expressions: string[]): string => `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: server, namespace: default}
spec:
  podSelector: {matchLabels: {app: server}}
  policyTypes: [Ingress]
  ingress: [{from: [{podSelector: {matchExpressions: [${expressions.join()}]}}]}]`;

test("a label that counts only from now on lets nobody through whom neither policy allows", async () => {
  const { kernel, policy, attach } = makeNodeParts();
  const destination = await attach("server", { app: "server" });
  const source = await attach("client", { app: "client", "pod-template-hash": "old" });
  await policy.apply(objectsOf(allowing("{key: app, operator: In, values: [nobody]}")));
  const verdict = () => kernel.judge({ source, destination, protocol: 6, port: 80 }).ingress.verdict;
  expect(verdict()).toBe("deny");
  const seen = new Set<string>();
  kernel.onWrite = () => seen.add(verdict());
  const notOld = "{key: pod-template-hash, operator: NotIn, values: [old]}";
  await policy.apply(objectsOf(allowing(notOld, "{key: app, operator: In, values: [client]}")));
  expect(verdict()).toBe("deny");
  expect([...seen]).toEqual(["deny"]);
});

test("new labels whose policy does not fit are refused with the whole snapshot", async () => {
  const { kernel, policy, attach } = makeNodeParts();
  await attach("late", { app: "small" });
  const ports = Array.from({ length: 20_000 }, (_, n) => `{port: ${2 * n + 1}}`).join();
  const large = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: large, namespace: default}
spec:
  podSelector: {matchLabels: {app: large}}
  policyTypes: [Ingress]
  ingress: [{ports: [${ports}]}]`;
  const pod = `
apiVersion: v1
kind: Pod
metadata: {name: late, namespace: default, labels: {app: large}}
spec: {containers: [{name: x, image: y}]}`;
  expect(await policy.apply(objectsOf(large))).toBe(true);
  const generation = kernel.control.generation();
  expect(await policy.apply(objectsOf(`${large}\n---${pod}`))).toBe(false);
  expect(policy.refusal).toMatch(/entries and a policy map holds 16384/);
  expect(kernel.control.generation()).toBe(generation);
});

test("which network an interface is of is the agent's to say, not a pod's label", async () => {
  const { create, endpoints } = makeNodeParts();
  const first = await create("pod", { app: "web", "weir.io/net": "blue" });
  const second = await create("pod", { app: "web", "weir.io/net": "red" }, { ifName: "net1", network: "green" });
  const labelsOf = (id: number) => {
    const subject = endpoints.get(id)?.subject;
    return subject && "labels" in subject ? subject.labels : undefined;
  };
  expect(labelsOf(first.id)).toEqual({ app: "web" });
  expect(labelsOf(second.id)).toEqual({ app: "web", "weir.io/net": "green" });
});
