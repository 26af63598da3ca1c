import { expect, test } from "vitest";
import { FlowLog } from "#agent/local/flow-log.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const text = (object: object): string => JSON.stringify(object);
const owners = [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: "client-6d4cf56db6", controller: true }];
const labels = { app: "client", "pod-template-hash": "6d4cf56db6" };

const node = useNode({
  objects: {
    "pod.yaml": text({ apiVersion: "v1", kind: "Pod", metadata: { name: "client", labels, ownerReferences: owners } }),
  },
});
const pods = usePods(node, ["client", "server"]);

prepare(async () => {
  const metadata = { name: "web-1", labels: { "kubernetes.io/service-name": "web" } };
  const endpoints = [{ addresses: [pods.server.ipv4] }];
  node().writeObjects(
    "slice.yaml",
    text({ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", metadata, addressType: "IPv4", endpoints }),
  );
  await node().weir("policy", "wait");
});

test("a flow names what made its pods, the service that is meant, and the interface", async () => {
  await using log = new FlowLog(node().client);
  await pods.client.traffic.attempt({ protocol: "TCP", address: pods.server.ipv4, port: 80 }, { timeout: 400 });
  const key = { from: "default/client", to: "default/server", family: 4, protocol: "TCP", port: 80 } as const;
  const flow = await log.find(key);
  expect(flow).toMatchObject({
    source: { workloads: [{ kind: "Deployment", name: "client" }] },
    destination_service: { name: "web", namespace: "default" },
    interface: { name: expect.stringMatching(/^weir/) as unknown },
  });
  expect(flow.destination).not.toHaveProperty("workloads");
  expect(flow).not.toHaveProperty("source_service");
  const { stdout } = await node().weir("observe", "--from-workload", "Deployment/client", "-o", "json");
  expect(stdout).toContain(flow.uuid);
});
