import { stringify } from "yaml";
import { expect, test } from "vitest";
import type { StatusView } from "#agent/api/views.ts";
import { until } from "#agent/local/until.ts";
import { Lab } from "#agent/local/lab.ts";
import { LabNode } from "#agent/local/lab-node.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { unmet } from "#test/support/requirement.ts";
import { runPlugin } from "#test/support/plugin-run.ts";

const kubernetes = ["--ipam", "kubernetes"];

function nodeObject(...podCIDRs: string[]): string {
  const spec = podCIDRs.length === 0 ? {} : { podCIDR: podCIDRs[0], podCIDRs };
  return stringify({ apiVersion: "v1", kind: "Node", metadata: { name: "n7" }, spec });
}

test("a node waits for the ranges of its Node object, takes further ones live, and has them after a restart", async ({
  skip,
}) => {
  const reason = unmet("root", "namespaces", "dist");
  if (reason !== undefined) return skip(reason);
  await using lab = await Lab.create();
  const node = LabNode.create(lab, { name: "n7" });
  const ranges = async (): Promise<string[]> =>
    (await node.read<StatusView>("status")).ipam.ranges.map(({ cidr }) => cidr);
  node.writeObjects("node.yaml", nodeObject());
  await node.startAgent({ args: kubernetes, degraded: true });
  const waits = "this node has no addresses for pods yet: it waits for podCIDRs in the Node object n7";
  expect((await node.read<StatusView>("status")).problems).toEqual([`allocate an address: ${waits}`]);
  await expect(node.addPod({ name: "early" })).rejects.toThrow(new RegExp(`"code": ?11,.*${waits}`, "s"));
  {
    using namespace = lab.namespace("status");
    const config = { type: "weir-cni", runDir: node.runDir, cniVersion: "1.1.0" };
    expect(await runPlugin(node, "STATUS", config, { namespace })).toMatchObject({ code: 50 });
  }

  node.writeObjects("node.yaml", nodeObject("10.91.0.0/30", "fd00:91::/64"));
  await until("the first ranges", async () => (await ranges()).length === 2);
  const first = await node.addPod({ name: "first" });
  expect([first.ipv4, first.ipv6, first.gateway4]).toEqual(["10.91.0.2", "fd00:91::2", "10.91.0.1"]);

  node.writeObjects("node.yaml", nodeObject("10.91.0.0/30", "fd00:91::/64", "10.92.0.0/24"));
  await until("a further range", async () => (await ranges()).length === 3);
  const second = await node.addPod({ name: "second" });
  expect([second.ipv4, second.gateway4]).toEqual(["10.92.0.2", "10.91.0.1"]);
  await expectTraffic(first, second, 80, "refused");
  expect((await node.weir("config", "set", "pod-cidr", "10.93.0.0/24")).stderr).toContain("--ipam kubernetes gives it");

  await node.agent.kill();
  node.writeObjects("node.yaml", nodeObject());
  await node.startAgent({ args: kubernetes });
  expect(await ranges()).toEqual(["10.91.0.0/30", "fd00:91::/64", "10.92.0.0/24"]);
  await expectTraffic(second, first.ipv6, 80, "refused");
  expect(await first.check()).toBeNull();
});
