import { expect, test } from "vitest";
import { addressBook } from "#policy/explain/address-book.ts";
import { evaluate } from "#policy/explain/evaluate.ts";
import type { EndpointSliceObject, NetworkPolicyObject } from "#policy/model/object.ts";
import { objectsOf } from "#test/support/two-pods.ts";

/** More than arguments of a call fit on the stack. */
const MANY = 250_000;

const address = (n: number): string => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;

test("an API server may have very many addresses", () => {
  const [slice] = objectsOf(`apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kubernetes, namespace: default, labels: {kubernetes.io/service-name: kubernetes}}
addressType: IPv4
endpoints: [{addresses: [192.0.2.1]}]
`) as readonly [EndpointSliceObject];
  const addresses = Array.from({ length: MANY }, (_, n) => address(n));
  expect(addressBook([{ ...slice, addresses }]).size).toBe(MANY);
});

test("very many rules may decide about a pod", () => {
  const [policy] = objectsOf(`apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, namespace: default}
spec: {podSelector: {}, ingress: [{}]}
`) as readonly [NetworkPolicyObject];
  const policies = Array.from({ length: MANY / 1_000 }, (_, n) => ({
    ...policy,
    name: `p${n}`,
    ingress: Array.from({ length: 1_000 }, () => policy.ingress[0] as NetworkPolicyObject["ingress"][number]),
  }));
  const subject = { namespace: "default", labels: {}, serviceAccount: "default", namedPorts: [] };
  const flow = { source: { address: "192.0.2.1" }, destination: { subject }, protocol: "TCP", port: 80 } as const;
  const { verdict, ingress } = evaluate(policies, flow);
  expect([verdict, ingress.by.length]).toEqual(["allow", MANY]);
});
