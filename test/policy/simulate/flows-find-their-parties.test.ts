import { expect, test } from "vitest";
import type { Party } from "#policy/model/flow.ts";
import type { PodObject, PolicyObject } from "#policy/model/object.ts";
import { readRecordedFlows } from "#policy/simulate/recorded-flows.ts";
import { FlowResolver } from "#policy/simulate/resolve-flow.ts";
import { World } from "#policy/simulate/world.ts";

const source = { file: "test.yaml", line: 1 };
const namedPorts = [{ name: "http", protocol: "TCP" as const, port: 80 }];

function pod(name: string, address: string, more: Partial<PodObject> = {}): PodObject {
  const what = { namespace: "shop", serviceAccount: "robot", namedPorts, hostNetwork: false };
  return { kind: "Pod", name, source, labels: { app: "web" }, addresses: [address], ...what, ...more };
}

const objects: PolicyObject[] = [
  pod("web-1", "10.0.0.7"),
  pod("agent", "192.168.0.1", { hostNetwork: true }),
  { kind: "Node", namespace: "", name: "n1", source, labels: { zone: "a" }, addresses: ["192.168.0.1"] },
];

/** Who somebody is that is recorded as the source. */
function resolved(end: object, address?: string, more: object = {}): Party | undefined {
  const line = { source: end, destination: {}, IP: { source: address ?? "", destination: "10.0.0.9" }, ...more };
  const { flows } = readRecordedFlows(JSON.stringify({ l4: { TCP: { destination_port: 80 } }, ...line }), "f");
  const [one] = flows;
  return one && (new FlowResolver(new World(objects)).resolve(one)?.source ?? undefined);
}

const subject = { namespace: "shop", labels: { app: "web" }, serviceAccount: "robot", namedPorts };

test("a pod by its name, as the objects have it", () => {
  expect(resolved({ namespace: "shop", pod_name: "web-1", labels: ["k8s:app=other"] }, "10.0.0.7")).toEqual({
    subject,
    address: "10.0.0.7",
  });
});

test("a pod that is gone by its labels, with what pods like it have", () => {
  const gone = {
    namespace: "shop",
    pod_name: "web-9",
    labels: ["k8s:app=web", "k8s:io.kubernetes.pod.namespace=shop"],
  };
  expect(resolved(gone, "10.0.0.99")).toEqual({ subject, address: "10.0.0.99" });
  const strange = {
    labels: ["k8s:a=b", "k8s:io.kubernetes.pod.namespace=x", "k8s:io.cilium.k8s.policy.serviceaccount=s"],
  };
  expect(resolved(strange, "10.0.0.98")).toEqual({
    subject: { namespace: "x", labels: { a: "b" }, serviceAccount: "s", namedPorts: [] },
    address: "10.0.0.98",
  });
});

test("whoever has the address, if the record has neither name nor labels", () => {
  expect(resolved({}, "10.0.0.7")).toEqual({ subject, address: "10.0.0.7" });
  const node = { address: "192.168.0.1", nodeLabels: { zone: "a" } };
  expect(resolved({}, "192.168.0.1")).toEqual({ ...node, reserved: "host" });
  expect(resolved({ labels: ["reserved:remote-node"] }, "192.168.0.1")).toEqual({ ...node, reserved: "remote-node" });
});

test("a reserved party by its label", () => {
  expect(resolved({ labels: ["reserved:health"] }, "10.0.0.240")).toEqual({
    reserved: "health",
    address: "10.0.0.240",
  });
});

test("the world by its address, with its names", () => {
  expect(resolved({ labels: ["reserved:world"] }, "192.0.2.1", { source_names: ["a.example"] })).toEqual({
    reserved: "world",
    address: "192.0.2.1",
    names: ["a.example"],
  });
});

test("nobody, where nothing says who it is", () => {
  expect(resolved({})).toBeUndefined();
});
