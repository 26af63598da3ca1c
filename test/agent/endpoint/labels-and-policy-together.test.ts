import fc from "fast-check";
import { expect, test } from "vitest";
import { sized } from "#test/support/size.ts";
import { objectsOf } from "#test/support/two-pods.ts";
import { makeNodeParts } from "./node-parts.ts";

const role = fc.constantFrom("x", "y", "z");
/** Roles of the pods a, b and c, and for each role whom it lets in; null: it is not selected. */
const state = fc.record({
  roles: fc.tuple(role, role, role),
  admits: fc.dictionary(role, fc.option(fc.array(role, { maxLength: 2 })), { maxKeys: 3, noNullPrototype: true }),
});
type State = typeof state extends fc.Arbitrary<infer Value> ? Value : never;
const names = ["a", "b", "c"];

function yamlOf({ roles, admits }: State): string {
  const pods = roles.map(
    (value, i) => `
apiVersion: v1
kind: Pod
metadata: {name: ${names[i]}, namespace: default, labels: {role: ${value}}}
spec: {containers: [{name: x, image: y}]}`,
  );
  const policies = Object.entries(admits).flatMap(([selected, from]) => {
    if (from === null) return [];
    const peers = from.map((value) => `{podSelector: {matchLabels: {role: ${value}}}}`).join();
    return `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: of-${selected}, namespace: default}
spec:
  podSelector: {matchLabels: {role: ${selected}}}
  policyTypes: [Ingress]
  ingress: [${from.length > 0 ? `{from: [${peers}]}` : ""}]`;
  });
  return [...pods, ...policies].join("\n---");
}

test("a change of labels and policy together never allows what both deny: a packet meets one or the other, whole", async () => {
  const property = fc.asyncProperty(state, state, async (before, after) => {
    const { kernel, policy, attach } = makeNodeParts();
    const pods: string[] = [];
    for (const name of names) pods.push(await attach(name, {}));
    const verdicts = (): string => {
      const pairs = pods.flatMap((source) => pods.filter((pod) => pod !== source).map((pod) => [source, pod] as const));
      return pairs
        .map(([source, destination]) => kernel.judge({ source, destination, protocol: 17, port: 9 }).ingress.verdict)
        .join();
    };
    const apply = async (yaml: string): Promise<void> => expect(await policy.apply(objectsOf(yaml))).toBe(true);
    // The old state twice: so what the new one asks for is known by its verdicts beforehand.
    await apply(yamlOf(after));
    const next = verdicts();
    await apply(yamlOf(before));
    const old = verdicts();
    const generation = kernel.control.generation();
    kernel.onWrite = (what) => expect(verdicts(), what).toBe(kernel.control.generation() === generation ? old : next);
    await apply(yamlOf(after));
    expect([kernel.control.generation(), verdicts()]).toEqual([generation + 1n, next]);
  });
  await fc.assert(property, { numRuns: sized({ short: 100, long: 5_000 }) });
});
