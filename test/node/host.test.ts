import { expect, test } from "vitest";
import type { Evaluation } from "#agent/api/policy-views.ts";
import { Traffic } from "#agent/local/traffic.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { Outside } from "#test/support/outside.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode({
  objects: { "closed.yaml": networkPolicy({ name: "closed", selects: { app: "closed" }, ingress: [], egress: [] }) },
});
const pods = usePods(node, ["closed", "client"]);
let host: Traffic;
let outside: Outside;

prepare(async () => {
  outside = new Outside(node());
  host = node().lab.use(new Traffic(node().namespace, (pid) => node().lab.track(pid)));
  await host.serve("TCP", 8000);
  for (const protocol of ["TCP", "UDP"] as const) await pods.closed.traffic.serve(protocol, 80);
});

test.for(["TCP", "UDP"] as const)("the node reaches a pod by %s whatever the pod's policy is", async (protocol) => {
  for (const address of [pods.closed.ipv4, pods.closed.ipv6]) {
    await expectTraffic(host, address, 80, "answered", { protocol });
  }
});

test("a pod's egress policy holds for the node, on each of its addresses", async () => {
  const addresses = [pods.client.gateway4, pods.client.gateway6, outside.node4, outside.node6];
  for (const address of addresses) await expectTraffic(pods.client, address, 8000, "answered");
  const everyPod = { podSelector: {}, namespaceSelector: {} };
  await node().changeObjects(
    "client.yaml",
    networkPolicy({ name: "client", selects: { app: "client" }, egress: [{ to: [everyPod] }] }),
  );
  for (const address of addresses) await expectTraffic(pods.client, address, 8000, "silent");
});

test("a block opens the node's address, and `policy eval` says the same", async () => {
  const cidr = `${outside.node4}/32`;
  await node().changeObjects(
    "client.yaml",
    networkPolicy({ name: "client", selects: { app: "client" }, egress: [{ to: [{ ipBlock: { cidr } }] }] }),
  );
  for (const [address, outcome, verdict] of [
    [outside.node4, "answered", "allow"],
    [pods.client.gateway4, "silent", "deny"],
  ] as const) {
    await expectTraffic(pods.client, address, 8000, outcome);
    const args = ["--from", "default/client", "--to", address, "--port", "8000"];
    expect((await node().read<Evaluation>("policy", "eval", ...args)).verdict).toBe(verdict);
  }
});
