import { expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { Outside } from "#test/support/outside.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { CniFolders } from "./cni-folders.ts";
import { Containerd } from "./containerd.ts";

const node = useNode({ ownMounts: true });
let containerd: Containerd;

prepare(async () => {
  containerd = await Containerd.start(node(), new CniFolders(node(), { withOurs: false }));
});

test("containerd takes the network that the agent installs, while both run, and has none after cleanup", async () => {
  expect(await containerd.hasNetwork()).toBe(false);
  await expect(containerd.runPod({ name: "web" })).rejects.toThrow("cni plugin not initialized");

  await node().agent.stop();
  await node().startAgent({ args: ["--cni-install"] });
  await until("a network of containerd's", () => containerd.hasNetwork());
  const outside = new Outside(node());
  const portMappings = [{ protocol: "TCP", containerPort: 80, hostPort: 8080 }] as const;
  const web = await containerd.runPod({ name: "web", portMappings });
  await web.traffic.serve("TCP", 80);
  const client = await containerd.runPod({ name: "client" });
  for (const address of [web.ipv4, web.ipv6]) await expectTraffic(client.traffic, address, 80, "answered");
  for (const address of [outside.node4, outside.node6]) await expectTraffic(outside.traffic, address, 8080, "answered");

  for (const pod of [web, client]) await pod.remove();
  await node().agent.stop();
  expect(await node().weir("cleanup", ...node().cleanupOptions)).toMatchObject({ code: 0 });
  await until("no network of containerd's", async () => !(await containerd.hasNetwork()));
});
