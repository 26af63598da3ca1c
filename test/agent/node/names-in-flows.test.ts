import { expect, test } from "vitest";
import { ServiceNames } from "#agent/node/service-names.ts";
import { workloadOf } from "#agent/node/workload.ts";
import { objectsOf } from "#test/support/cilium-text.ts";

const deployment = { "pod-template-hash": "6d4cf56db6" };

test.each([
  ["a ReplicaSet of a Deployment", "x", deployment, { kind: "ReplicaSet", name: "web-6d4cf56db6" }, "Deployment/web"],
  ["a ReplicaSet of nobody's", "x", {}, { kind: "ReplicaSet", name: "web-1" }, "ReplicaSet/web-1"],
  [
    "a ReplicaSet whose name is the hash alone",
    "x",
    deployment,
    { kind: "ReplicaSet", name: "6d4cf56db6" },
    "ReplicaSet/6d4cf56db6",
  ],
  ["a Job of a CronJob", "x", {}, { kind: "Job", name: "backup-28391040" }, "CronJob/backup"],
  ["a Job", "x", {}, { kind: "Job", name: "migrate" }, "Job/migrate"],
  ["another kind", "x", {}, { kind: "DaemonSet", name: "proxy" }, "DaemonSet/proxy"],
  ["no owner, but the labels of a Deployment", "web-6d4cf56db6-abcde", deployment, undefined, "Deployment/web"],
  [
    "no owner, but the label of a StatefulSet",
    "db-0",
    { "statefulset.kubernetes.io/pod-name": "db-0" },
    undefined,
    "StatefulSet/db",
  ],
  [
    "no owner, but the label of a Job",
    "x",
    { "batch.kubernetes.io/job-name": "backup-28391040" },
    undefined,
    "CronJob/backup",
  ],
  ["labels that do not fit the name", "web-1", deployment, undefined, undefined],
  ["nothing", "web-1", { app: "web" }, undefined, undefined],
] as const)("%s", (_, pod, labels, owner, expected) => {
  const workload = workloadOf(pod, labels, owner);
  expect(workload && `${workload.kind}/${workload.name}`).toBe(expected);
});

test("the controller among the owners of a Pod object is the one that counts; what is no owner is passed over", () => {
  const owners = [
    { kind: "Node", name: "n1" },
    { kind: "ReplicaSet", name: "web-1", controller: true },
  ];
  const pod = (ownerReferences: unknown): string =>
    JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name: "p", ownerReferences } });
  expect(objectsOf(pod(owners))).toMatchObject([{ owner: { kind: "ReplicaSet", name: "web-1" } }]);
  expect(objectsOf(pod([]))[0]).not.toHaveProperty("owner");
  expect(objectsOf(pod([{ kind: "Node", name: "n1" }]))[0]).not.toHaveProperty("owner");
});

const slice = (name: string, service: string, ...addresses: string[]): string =>
  JSON.stringify({
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { namespace: "shop", name, labels: { "kubernetes.io/service-name": service } },
    addressType: "IPv4",
    endpoints: addresses.map((address) => ({ addresses: [address] })),
  });

test("an address stands for the service whose own it is, or for the one service that it is behind", () => {
  const text = [
    "{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: web}, spec: {clusterIP: 10.96.0.7, clusterIPs: [10.96.0.7, 'fd00:96::7']}}",
    "{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: db}, spec: {clusterIP: None}}",
    slice("web-1", "web", "10.0.0.7", "10.0.0.8"),
    slice("db-1", "db", "10.0.0.8", "10.0.0.9"),
  ].join("\n---\n");
  const objects = objectsOf(text);
  const names = new ServiceNames();
  const found = (address: string) => names.at(address, objects)?.name;
  expect(["10.96.0.7", "fd00:96::7", "10.0.0.7", "10.0.0.9"].map(found)).toEqual(["web", "web", "web", "db"]);
  // Of two services nobody can say which was meant.
  expect(["10.0.0.8", "192.0.2.1"].map(found)).toEqual([undefined, undefined]);
  expect(names.at("10.96.0.7", [])).toBeUndefined();
});
