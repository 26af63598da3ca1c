import { renameSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const policy = networkPolicy({ name: "server", selects: { app: "server" }, ingress: [{ from: [app("client")] }] });
const node = useNode({ objects: { "server.yaml": policy } });
const pods = usePods(node, ["server", "client", "stranger"]);

prepare(() => pods.server.traffic.serve("TCP", 80));

test("pods whose records are lost are cut off and told of, not open; with the records all is as before", async () => {
  await expectTraffic(pods.client, pods.server, 80, "answered");
  const { folder } = node();
  await node().agent.stop();
  renameSync(join(folder, "state"), join(folder, "kept"));
  await node().startAgent({ degraded: true });
  const { state, problems } = await node().client.status();
  expect(state).toBe("degraded");
  expect(problems.filter((problem) => problem.includes("has no record: it is cut off"))).toHaveLength(3);
  await expectTraffic(pods.client, pods.server, 80, "silent");
  await expectTraffic(pods.stranger, pods.server, 80, "silent");

  await node().agent.stop();
  renameSync(join(folder, "state"), join(folder, "wrong"));
  renameSync(join(folder, "kept"), join(folder, "state"));
  await node().startAgent();
  expect((await node().client.status()).state).toBe("ok");
  await expectTraffic(pods.client, pods.server, 80, "answered");
  await expectTraffic(pods.stranger, pods.server, 80, "silent");
});
