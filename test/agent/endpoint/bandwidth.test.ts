import { describe, expect, test } from "vitest";
import type { EndpointBandwidth } from "#agent/datapath/kernel.ts";
import { BURST, endpointBandwidth } from "#agent/endpoint/bandwidth.ts";
import { type EndpointRecord, endpointRecord } from "#agent/endpoint/record.ts";
import { VerifiedNode } from "#test/support/verified-node.ts";
import { makeEndpoint, makeEnforcement } from "#test/support/enforcement.ts";
import { MemoryKernel } from "#test/support/memory-kernel.ts";
import { objectsOf } from "#test/support/two-pods.ts";
import { makeNodeParts } from "./node-parts.ts";

const ask = (rate: number, burst: number | null = null) => ({ egress: { rate, burst }, ingress: null });

describe("an endpoint's limit", () => {
  test("is what the Pod object says, and where that says nothing what ADD brought", () => {
    const ofPod = { egress: 8_000, ingress: null };
    const ofAdd = { egress: { rate: 16_000, burst: null }, ingress: { rate: 24_000, burst: null } };
    expect(endpointBandwidth(undefined, undefined)).toBeUndefined();
    expect(endpointBandwidth(ofPod, undefined)).toEqual({ egress: { rate: 1000, burst: BURST }, ingress: null });
    expect(endpointBandwidth(ofPod, ofAdd)).toEqual({
      egress: { rate: 1000, burst: BURST },
      ingress: { rate: 3000, burst: BURST },
    });
  });

  test("has the burst that ADD asks for, but none longer than usual: 2^32 bits are what runtimes say that know of none", () => {
    expect(endpointBandwidth(undefined, ask(1_000_000, 10_000))?.egress?.burst).toBe(10_000_000);
    expect(endpointBandwidth(undefined, ask(1_000_000, 4_294_967_295))?.egress?.burst).toBe(BURST);
  });
});

const pod = (annotations: string) => `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: default, labels: {app: web}, annotations: {${annotations}}}`;

describe("the annotation of a running pod", () => {
  const limitOf = ({ kernel }: ReturnType<typeof makeNodeParts>) => [...kernel.endpoints.read().values()][0]?.bandwidth;

  test("counts from the moment at which it is in force, other values and none, too", async () => {
    const parts = makeNodeParts();
    await parts.attach("web", { app: "web" });
    const seen: unknown[] = [];
    for (const annotations of ["kubernetes.io/egress-bandwidth: 8k", "kubernetes.io/egress-bandwidth: 16k", ""]) {
      await parts.policy.apply(objectsOf(pod(annotations)));
      seen.push(limitOf(parts)?.egress?.rate);
    }
    expect(seen).toEqual([1000, 2000, undefined]);
    const told = parts.endpoints.log(1)?.filter(({ event }) => event === "limited");
    expect(told?.map(({ message }) => message)).toEqual([
      "bandwidth: egress 8000 bit/s, ingress unlimited",
      "bandwidth: egress 16000 bit/s, ingress unlimited",
      "bandwidth: egress unlimited, ingress unlimited",
    ]);
  });

  test("is not in force with a policy that is refused", async () => {
    const parts = makeNodeParts();
    await parts.attach("web", { app: "web" });
    const ports = Array.from({ length: 20_000 }, (_, n) => `{port: ${2 * n + 1}}`).join();
    const large = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: large, namespace: default}
spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [${ports}]}]}`;
    const annotated = pod("kubernetes.io/egress-bandwidth: 8k");
    expect(await parts.policy.apply(objectsOf(`${annotated}\n---${large}`))).toBe(false);
    expect(limitOf(parts)).toBeUndefined();
    expect(await parts.policy.apply(objectsOf(annotated))).toBe(true);
    expect(limitOf(parts)?.egress?.rate).toBe(1000);
  });
});

test("what ADD brought is kept in the endpoint's record, and a record without it is read", async () => {
  const { create, endpoints } = makeNodeParts();
  await create("plain", {});
  const bandwidth = ask(80_000, 1000);
  await create("b", {}, { bandwidth });
  const [plain, limited] = endpoints
    .list()
    .map(({ record }) => endpointRecord.parse(JSON.parse(JSON.stringify(record))));
  expect(plain?.bandwidth).toBeUndefined();
  expect(limited?.bandwidth).toEqual(bandwidth);

  const later = makeNodeParts();
  const { guarded } = await later.endpoints.restore([{ ...(limited as EndpointRecord), state: "ready", ifindex: 7 }]);
  expect(guarded.map((one) => one.bandwidth)).toEqual([{ egress: { rate: 10_000, burst: 12_500_000 }, ingress: null }]);
});

test("at a restart cached verdicts of an endpoint are void when its limit is another than before, and only then", async () => {
  const kernel = new MemoryKernel();
  const subject = { namespace: "default", labels: { app: "web" }, serviceAccount: "default", namedPorts: [] };
  const endpoint = makeEndpoint(2, subject, 256);
  const restart = async (bandwidth?: EndpointBandwidth): Promise<string[]> => {
    const { enforcement } = makeEnforcement(kernel);
    const raised: string[] = [];
    kernel.control.raiseEpoch = (prefix) => void raised.push(prefix);
    await enforcement.restore(enforcement.engine, [{ ...endpoint, ...(bandwidth && { bandwidth }) }]);
    return raised.filter((prefix) => prefix === "10.0.0.2/32");
  };
  const limited = { egress: { rate: 1000, burst: BURST }, ingress: null };
  await makeEnforcement(kernel).enforcement.add(endpoint);
  await restart();
  expect([await restart(), await restart(limited), await restart(limited), await restart()]).toEqual([
    [],
    ["10.0.0.2/32"],
    [],
    ["10.0.0.2/32"],
  ]);
});

test("verification finds a limit in the kernel that is another than it should be", async () => {
  const kernel = new MemoryKernel();
  const node = new VerifiedNode(kernel);
  const subject = { namespace: "default", labels: { app: "web" }, serviceAccount: "default", namedPorts: [] };
  const limit = { rate: 1000, burst: BURST };
  await node.add({ ...makeEndpoint(2, subject, 256), bandwidth: { egress: limit, ingress: null } });
  await node.setPolicy([]);
  expect(await node.verify()).toMatchObject({ state: "equal" });
  const state = kernel.endpoints.read().get(2);
  if (state) kernel.endpoints.write({ ...state, bandwidth: { egress: { ...limit, rate: 2000 }, ingress: limit } });
  const { differences } = await node.verify();
  expect(
    differences.map(({ map, endpoints, what, expected, found }) => [map, endpoints, what, expected, found]),
  ).toEqual([
    ["bandwidths", [2], "egress of endpoint 2: rate", "1000", "2000"],
    ["bandwidths", [2], "ingress of endpoint 2: entry", null, expect.stringContaining("rate 1000")],
  ]);
});
