import { expect, test } from "vitest";
import { Traffic } from "#agent/local/traffic.ts";
import { until } from "#agent/local/until.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { podObject } from "#test/support/kubernetes-objects.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { together } from "#test/support/object-text.ts";
import { Outside } from "#test/support/outside.ts";
import { portmapNetwork } from "./cni-folders.ts";
import { expectOnly, tracesOn } from "./traces.ts";
import { useContainerd } from "./use-containerd.ts";

const names = ["web", "client", "stranger"];
const runtime = useContainerd({
  network: portmapNetwork,
  objects: { "pods.yaml": together(...names.map((name) => podObject({ name, labels: { app: name } }))) },
});

const udp = { protocol: "UDP" } as const;

test("a hostPort by portmap is reached from outside, from pods and from the node, as far as policy lets them", async () => {
  const { node, containerd } = runtime();
  const [friend, foe] = [new Outside(node), new Outside(node, 3)];
  const itself = node.lab.use(new Traffic(node, (pid) => node.lab.track(pid)));
  await until("the node's addresses", async () =>
    (await node.client.bpf("ipcache")).some(({ prefix }) => prefix === `${foe.node6}/128`),
  );
  const before = await tracesOn(node);
  const web = await containerd.runPod({
    name: "web",
    portMappings: [
      { protocol: "TCP", containerPort: 80, hostPort: 8080 },
      { protocol: "UDP", containerPort: 53, hostPort: 5353 },
      { protocol: "UDP", containerPort: 54, hostPort: 5354 },
    ],
  });
  const client = await containerd.runPod({ name: "client" });
  const stranger = await containerd.runPod({ name: "stranger" });
  await web.traffic.serve("TCP", 80);
  await web.traffic.serve("UDP", 53);
  for (const from of [friend.traffic, foe.traffic, client.traffic, stranger.traffic, itself]) {
    for (const address of [friend.node4, friend.node6]) {
      await expectTraffic(from, address, 8080, "answered");
      await expectTraffic(from, address, 5353, "answered", udp);
      // Nobody listens there: an ICMP error has to find its way back, too.
      await expectTraffic(from, address, 5354, "refused", udp);
    }
  }

  await expectTraffic(itself, "127.0.0.1", 8080, "answered");

  const from = [{ ipBlock: { cidr: `${friend.ipv4}/32` } }, { ipBlock: { cidr: `${friend.ipv6}/128` } }, app("client")];
  await node.changeObjects("web.yaml", networkPolicy({ name: "web", selects: { app: "web" }, ingress: [{ from }] }));
  for (const address of [friend.node4, friend.node6]) {
    for (const allowed of [friend.traffic, client.traffic, itself]) {
      await expectTraffic(allowed, address, 8080, "answered");
      await expectTraffic(allowed, address, 5353, "answered", udp);
    }
    for (const denied of [foe.traffic, stranger.traffic]) {
      await expectTraffic(denied, address, 8080, "silent");
      await expectTraffic(denied, address, 5353, "silent", udp);
    }
  }

  await node.changeObjects("web.yaml", null);
  for (const pod of [web, client, stranger]) await pod.remove();
  await expectTraffic(friend.traffic, friend.node4, 8080, "refused");
  await expectOnly(before, node);
  expect(await node.client.endpoints()).toEqual([]);
});
