import { test } from "vitest";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { podObject } from "#test/support/kubernetes-objects.ts";
import { ciliumPolicy, endpointSlice, objectText } from "#test/support/object-text.ts";
import { Outside } from "#test/support/outside.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const service = (name: string, spec: object): string => objectText("Service", { name, namespace: "default" }, { spec });
const byName = (serviceName: string): object => ({ k8sService: { serviceName, namespace: "default" } });

const node = useNode({
  objects: {
    "backend.yaml": service("backend", { selector: { role: "backend" } }),
    "legacy.yaml": service("legacy", {}),
    "client.yaml": ciliumPolicy("client", {
      egress: [
        { toServices: [byName("backend")], toPorts: [{ ports: [{ port: "80", protocol: "TCP" }] }] },
        { toServices: [byName("legacy")] },
      ],
    }),
  },
});
const pods = usePods(node, ["client", "first", "second"]);
const machines: Outside[] = [];

prepare(async () => {
  machines.push(new Outside(node(), 2), new Outside(node(), 3));
  for (const { traffic } of [...machines, pods.first, pods.second]) await traffic.serve("TCP", 80);
});

const labelledPod = (name: string, role: string): Promise<void> =>
  node().changeObjects(`${name}.yaml`, podObject({ name, labels: { app: name, role } }));

test("a service with a selector means the pods that it selects, as they change", async () => {
  await expectTraffic(pods.client, pods.first, 80, "silent");
  await labelledPod("first", "backend");
  await expectTraffic(pods.client, pods.first, 80, "answered");
  await expectTraffic(pods.client, pods.first, 81, "silent");
  await expectTraffic(pods.client, pods.second, 80, "silent");

  await labelledPod("second", "backend");
  await labelledPod("first", "retired");
  await expectTraffic(pods.client, pods.second, 80, "answered");
  await expectTraffic(pods.client, pods.first, 80, "silent");

  await node().changeObjects("backend.yaml", service("backend", { selector: { role: "retired" } }));
  await expectTraffic(pods.client, pods.first, 80, "answered");
  await expectTraffic(pods.client, pods.second, 80, "silent");
});

test("a service without one means the addresses of its slices, as they change", async () => {
  const [first, second] = machines as [Outside, Outside];
  await expectTraffic(pods.client, first.ipv4, 80, "silent");
  await node().changeObjects("slice4.yaml", endpointSlice("legacy", [first.ipv4]));
  await expectTraffic(pods.client, first.ipv4, 80, "answered");
  await expectTraffic(pods.client, second.ipv4, 80, "silent");
  await expectTraffic(pods.client, first.ipv6, 80, "silent");

  await node().changeObjects("slice6.yaml", endpointSlice("legacy", [first.ipv6]));
  await node().changeObjects("slice4.yaml", endpointSlice("legacy", [second.ipv4]));
  await expectTraffic(pods.client, second.ipv4, 80, "answered");
  await expectTraffic(pods.client, first.ipv6, 80, "answered");
  await expectTraffic(pods.client, first.ipv4, 80, "silent");

  await node().changeObjects("legacy.yaml", null);
  await expectTraffic(pods.client, second.ipv4, 80, "silent");
});
