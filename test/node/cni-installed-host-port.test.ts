import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { StatusView } from "#agent/api/views.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { InstalledPod } from "#test/support/installed-pod.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { Outside } from "#test/support/outside.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { prepare, useNode } from "#test/support/use-node.ts";

const folder = new TemporaryFolder();
// Registered first, so that it runs last: the node goes before its folders.
afterAll(() => folder[Symbol.dispose]());
const places = { binDir: folder.join("bin"), confDir: folder.join("net.d") };
mkdirSync(places.binDir);
copyFileSync("/usr/lib/cni/portmap", join(places.binDir, "portmap"));
const node = useNode({
  args: ["--cni-install", "--cni-bin-dir", places.binDir, "--cni-conf-dir", places.confDir],
});

const portMappings = [
  { protocol: "tcp", containerPort: 80, hostPort: 8080 },
  { protocol: "udp", containerPort: 53, hostPort: 5353 },
];
const udp = { protocol: "UDP" } as const;
let friend: Outside;
let foe: Outside;
prepare(async () => {
  [friend, foe] = [new Outside(node()), new Outside(node(), 3)];
});

test("portmap follows in the network that was installed, at a version that it speaks", async () => {
  const { cni } = await node().read<StatusView>("status");
  expect(cni).toMatchObject({ state: "installed", plugins: ["weir-cni", "portmap"] });
  expect(cni.cniVersions).toContain("1.0.0");
});

test("a port of the node leads to the pod, as far as policy lets it", async () => {
  await using web = await InstalledPod.add(node(), places, { name: "web" }, { portMappings });
  await web.traffic.serve("TCP", 80);
  await web.traffic.serve("UDP", 53);
  for (const { traffic } of [friend, foe]) {
    for (const address of [friend.node4, friend.node6]) {
      await expectTraffic(traffic, address, 8080, "answered");
      await expectTraffic(traffic, address, 5353, "answered", udp);
    }
  }

  const from = [{ ipBlock: { cidr: `${friend.ipv4}/32` } }, { ipBlock: { cidr: `${friend.ipv6}/128` } }];
  await node().changeObjects("web.yaml", networkPolicy({ name: "web", selects: {}, ingress: [{ from }] }));
  for (const address of [friend.node4, friend.node6]) {
    await expectTraffic(friend.traffic, address, 8080, "answered");
    await expectTraffic(friend.traffic, address, 5353, "answered", udp);
    await expectTraffic(foe.traffic, address, 8080, "silent");
    await expectTraffic(foe.traffic, address, 5353, "silent", udp);
  }
  await web.delete();
  await expectTraffic(friend.traffic, friend.node4, 8080, "refused");
});
