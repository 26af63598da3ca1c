import { expect, test } from "vitest";
import { mustRun } from "#agent/local/command.ts";
import { until } from "#agent/local/until.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode({
  objects: { "p.yaml": networkPolicy({ name: "p", selects: { app: "client" }, egress: [{}] }) },
});
const pods = usePods(node, ["server", "client"]);

prepare(() => pods.server.traffic.serve("TCP", 80));

/** Takes a pod's interface away behind the agent's back, as the end of its network namespace does. */
const vanish = (name: string) => mustRun(node().namespace.enter(["ip", "link", "delete", name]));

test("a pod whose interface vanished is told by the status, and DEL brings all back in order", async () => {
  const pod = await node().addPod({ name: "gone" });
  await vanish(pod.hostInterface);
  const problem = await until("the status to say so", async () =>
    (await node().client.status()).problems.find((text) => text.includes(pod.hostInterface)),
  );
  expect(problem).toMatch(/^interface weir\w+ of pod default\/gone is gone/);
  await pod.delete();
  expect((await node().weir("status")).code).toBe(0);
  await expectTraffic(pods.client, pods.server, 80, "answered");
});

test("a pod that vanished while the agent was away is released at its start", async () => {
  const pod = await node().addPod({ name: "gone" });
  await node().agent.kill();
  await vanish(pod.hostInterface);
  await node().startAgent();
  expect((await node().client.endpoints()).map(({ pod: name }) => name)).toEqual(["server", "client"]);
  await pod.delete();
  await expectTraffic(pods.client, pods.server, 80, "answered");
});
