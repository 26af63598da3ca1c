import { test } from "vitest";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode();
// Equal labels, so one identity: only their addresses tell them apart.
const pods = usePods(node, ["one", "two", "client"], {
  one: { labels: { app: "server" } },
  two: { labels: { app: "server" } },
});

const host = (pod: LabPod) => `${pod.ipv4}/32`;
const host6 = (pod: LabPod) => `${pod.ipv6}/128`;
const egressTo = (...blocks: { cidr: string; except?: string[] }[]) =>
  networkPolicy({ name: "p", selects: { app: "client" }, egress: [{ to: blocks.map((ipBlock) => ({ ipBlock })) }] });
const ingressFrom = (...blocks: { cidr: string; except?: string[] }[]) =>
  networkPolicy({ name: "p", selects: { app: "client" }, ingress: [{ from: blocks.map((ipBlock) => ({ ipBlock })) }] });

prepare(async () => {
  for (const pod of Object.values(pods)) await pod.traffic.serve("TCP", 80);
});

test("a block of one address opens to one of two pods with equal labels", async () => {
  await node().changeObjects("p.yaml", egressTo({ cidr: host(pods.one) }));
  await expectTraffic(pods.client, pods.one, 80, "answered");
  await expectTraffic(pods.client, pods.two, 80, "silent");
  await expectTraffic(pods.client, pods.one.ipv6, 80, "silent");
  await node().changeObjects("p.yaml", egressTo({ cidr: host6(pods.two) }));
  await expectTraffic(pods.client, pods.two.ipv6, 80, "answered");
  await expectTraffic(pods.client, pods.one.ipv6, 80, "silent");
});

test("an exception keeps a pod out of its block", async () => {
  await node().changeObjects("p.yaml", egressTo({ cidr: "10.64.0.0/10", except: [host(pods.two)] }));
  await expectTraffic(pods.client, pods.one, 80, "answered");
  await expectTraffic(pods.client, pods.two, 80, "silent");
});

test("an exception takes away from its own block only", async () => {
  await node().changeObjects(
    "p.yaml",
    egressTo({ cidr: "10.64.0.0/10", except: [host(pods.two)] }, { cidr: host(pods.two) }),
  );
  await expectTraffic(pods.client, pods.one, 80, "answered");
  await expectTraffic(pods.client, pods.two, 80, "answered");
});

test("a block and its exception hold for where packets come from", async () => {
  await node().changeObjects("p.yaml", ingressFrom({ cidr: "10.0.0.0/8", except: [host(pods.one)] }));
  await expectTraffic(pods.one, pods.client, 80, "silent");
  await expectTraffic(pods.two, pods.client, 80, "answered");
});

test("a pod that comes later has the class of its address", async () => {
  await node().changeObjects("p.yaml", egressTo({ cidr: "10.77.0.0/16", except: [host(pods.two)] }));
  const late = await node().addPod({ name: "late", labels: { app: "late" } });
  await expectTraffic(pods.client, late, 80, "refused");
});
