import { expect, test } from "vitest";
import type { Evaluation } from "#agent/api/policy-views.ts";
import { Traffic } from "#agent/local/traffic.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { ciliumPolicy, clusterPolicy, nodeObject } from "#test/support/object-text.ts";
import { Outside } from "#test/support/outside.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const selected = [{ matchLabels: { zone: "a" } }];

const node = useNode({
  objects: {
    "client.yaml": ciliumPolicy("client", { egress: [{ toNodes: selected }] }),
    "server.yaml": ciliumPolicy("server", { ingress: [{ fromNodes: selected }] }),
  },
});
const pods = usePods(node, ["client", "server", "other"]);
let remote: Outside;

prepare(async () => {
  remote = new Outside(node());
  const host = node().lab.use(new Traffic(node().namespace, (pid) => node().lab.track(pid)));
  for (const traffic of [remote.traffic, host, pods.server.traffic]) await traffic.serve("TCP", 80);
});

const remoteNode = (labels: Record<string, string>): Promise<void> =>
  node().changeObjects("n2.yaml", nodeObject("n2", [remote.ipv4, remote.ipv6], labels));

/** Both ways and in both families. */
async function expectRemote(outcome: "answered" | "silent"): Promise<void> {
  await Promise.all([
    expectTraffic(pods.client, remote.ipv4, 80, outcome),
    expectTraffic(pods.client, remote.ipv6, 80, outcome),
    expectTraffic(remote, pods.server, 80, outcome),
    expectTraffic(remote, pods.server.ipv6, 80, outcome),
  ]);
}

async function evaluated(): Promise<string> {
  const args = ["--from", "default/client", "--to", remote.ipv4, "--port", "80"];
  return (await node().read<Evaluation>("policy", "eval", ...args)).verdict;
}

test("a node's label opens to it, and closes with the label or the node", async () => {
  await expectRemote("silent");
  await remoteNode({ zone: "a" });
  await expectRemote("answered");
  expect(await evaluated()).toBe("allow");
  await remoteNode({ zone: "b" });
  await expectRemote("silent");
  expect(await evaluated()).toBe("deny");
  await remoteNode({ zone: "a" });
  await expectRemote("answered");
  await node().changeObjects("n2.yaml", null);
  await expectRemote("silent");
});

test("the own node is one by its labels, too", async () => {
  await expectTraffic(pods.client, pods.client.gateway4, 80, "silent");
  // All its addresses are its own, whether its object names them or not.
  await node().changeObjects("own.yaml", nodeObject("node", [], { zone: "a" }));
  await expectTraffic(pods.client, pods.client.gateway4, 80, "answered");
  await node().changeObjects("own.yaml", nodeObject("node", [remote.node4], { zone: "a" }));
  await expectTraffic(pods.client, pods.client.gateway4, 80, "answered");
  await expectTraffic(pods.client, remote.node4, 80, "answered");
  await node().changeObjects("own.yaml", null);
  await expectTraffic(pods.client, pods.client.gateway4, 80, "silent");
});

test("a ClusterNetworkPolicy denies nodes by their label, whatever else allows", async () => {
  await remoteNode({ zone: "a", role: "storage" });
  const nodes = { matchLabels: { role: "storage" } };
  const deny = clusterPolicy("storage", "Admin", 10, { egress: [{ action: "Deny", to: [{ nodes }] }] });
  await node().changeObjects("admin.yaml", deny);
  await expectTraffic(pods.client, remote.ipv4, 80, "silent");
  await expectTraffic(pods.other, remote.ipv4, 80, "silent");
  await remoteNode({ zone: "a" });
  await expectTraffic(pods.client, remote.ipv4, 80, "answered");
  await expectTraffic(pods.other, remote.ipv4, 80, "answered");
  expect((await node().weir("policy", "verify")).code).toBe(0);
});
