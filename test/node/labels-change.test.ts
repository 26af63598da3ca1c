import { expect, test } from "vitest";
import { expectTraffic, targetOf } from "#test/support/expect-traffic.ts";
import { namespaceObject, podObject } from "#test/support/kubernetes-objects.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { goesOn, received } from "#test/support/stream.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode({
  objects: {
    "y.yaml": namespaceObject("y"),
    "server.yaml": networkPolicy({
      name: "server",
      selects: { app: "server" },
      ingress: [
        { from: [{ namespaceSelector: { matchLabels: { ns2: "updated" } } }] },
        { from: [{ podSelector: { matchLabels: { pod2: "updated" } } }] },
      ],
    }),
    "isolated.yaml": networkPolicy({ name: "isolated", selects: { target: "isolated" }, ingress: [] }),
  },
});
const pods = usePods(node, ["server", "near", "far"], { far: { namespace: "y" } });

prepare(async () => {
  for (const pod of [pods.server, pods.near]) await pod.traffic.serve("TCP", 80);
});

test("a namespace's new label opens to its pods, and closes again with the label", async () => {
  await expectTraffic(pods.far, pods.server, 80, "silent");
  await node().changeObjects("y.yaml", namespaceObject("y", { ns2: "updated" }));
  await expectTraffic(pods.far, pods.server, 80, "answered");
  await expectTraffic(pods.near, pods.server, 80, "silent");
  await node().changeObjects("y.yaml", null);
  await expectTraffic(pods.far, pods.server, 80, "silent");
});

test("a pod's new label gives it another identity, and opens to it", async () => {
  const endpoint = async () => (await node().client.endpoints()).find(({ pod }) => pod === "near");
  const before = await endpoint();
  await expectTraffic(pods.near, pods.server, 80, "silent");

  await node().changeObjects("near.yaml", podObject({ name: "near", labels: { app: "near", pod2: "updated" } }));
  const after = await endpoint();
  expect(after?.labels).toEqual({ app: "near", pod2: "updated" });
  expect(after?.identity).not.toBe(before?.identity);
  await expectTraffic(pods.near, pods.server, 80, "answered");

  await using stream = await pods.near.traffic.stream(targetOf(pods.server, 80));
  await goesOn(stream);
  await node().changeObjects("near.yaml", null);
  expect((await endpoint())?.identity).toBe(before?.identity);
  const cut = await received(stream);
  await expectTraffic(pods.near, pods.server, 80, "silent");
  expect(await received(stream)).toBeLessThanOrEqual(cut + 1);
});

test("a pod's new label brings it under a policy, without a restart of the pod", async () => {
  await expectTraffic(pods.far, pods.near, 80, "answered");
  await node().changeObjects("near.yaml", podObject({ name: "near", labels: { app: "near", target: "isolated" } }));
  await expectTraffic(pods.far, pods.near, 80, "silent");

  // The Pod object has the say after a restart too.
  await node().agent.kill();
  await node().startAgent();
  await expectTraffic(pods.far, pods.near, 80, "silent");
  await node().changeObjects("near.yaml", null);
  await expectTraffic(pods.far, pods.near, 80, "answered");
});
