import { test } from "vitest";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { podObject } from "#test/support/kubernetes-objects.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { Outside } from "#test/support/outside.ts";
import { weirNetwork } from "./cni-folders.ts";
import { expectOnly, tracesOn } from "./traces.ts";
import { useContainerd } from "./use-containerd.ts";

/** Weir, then Debian's portmap: what a node without a service load balancer has hostPort by. */
const runtime = useContainerd({
  network: (node) => weirNetwork(node, { plugins: [{ type: "portmap", capabilities: { portMappings: true } }] }),
  objects: { "pods.yaml": podObject({ name: "web", labels: { app: "web" } }) },
});

test("a hostPort by portmap is reached from outside the node, as far as policy lets it", async () => {
  const { node, containerd } = runtime();
  const [friend, stranger] = [new Outside(node), new Outside(node, 3)];
  const before = await tracesOn(node);
  const pod = await containerd.runPod({
    name: "web",
    portMappings: [
      { protocol: "TCP", containerPort: 80, hostPort: 8080 },
      { protocol: "UDP", containerPort: 53, hostPort: 5353 },
    ],
  });
  await pod.traffic.serve("TCP", 80);
  await pod.traffic.serve("UDP", 53);
  for (const { traffic, node4 } of [friend, stranger]) {
    await expectTraffic(traffic, node4, 8080, "answered");
    await expectTraffic(traffic, node4, 5353, "answered", { protocol: "UDP" });
  }

  const from = [{ ipBlock: { cidr: `${friend.ipv4}/32` } }];
  await node.changeObjects("web.yaml", networkPolicy({ name: "web", selects: { app: "web" }, ingress: [{ from }] }));
  await expectTraffic(friend.traffic, friend.node4, 8080, "answered");
  await expectTraffic(friend.traffic, friend.node4, 5353, "answered", { protocol: "UDP" });
  await expectTraffic(stranger.traffic, stranger.node4, 8080, "silent");
  await expectTraffic(stranger.traffic, stranger.node4, 5353, "silent", { protocol: "UDP" });

  await node.changeObjects("web.yaml", null);
  await pod.remove();
  await expectTraffic(friend.traffic, friend.node4, 8080, "refused");
  await expectOnly(before, node);
});
