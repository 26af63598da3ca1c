import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { StatusView } from "#agent/api/views.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { InstalledPod } from "#test/support/installed-pod.ts";
import { podObject } from "#test/support/kubernetes-objects.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { together } from "#test/support/object-text.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { useNode } from "#test/support/use-node.ts";

const folder = new TemporaryFolder();
// Registered first, so that it runs last: the node goes before its folders.
afterAll(() => folder[Symbol.dispose]());
const places = { binDir: folder.join("bin"), confDir: folder.join("net.d") };
for (const path of [places.binDir, places.confDir]) mkdirSync(path);
for (const name of ["ptp", "host-local"]) copyFileSync(`/usr/lib/cni/${name}`, join(places.binDir, name));

const original = join(places.confDir, "10-cluster.conflist");
const ipam = {
  type: "host-local",
  dataDir: folder.join("host-local"),
  ranges: [[{ subnet: "10.89.0.0/24" }]],
  routes: [{ dst: "0.0.0.0/0" }],
};
const network = JSON.stringify({ cniVersion: "1.0.0", name: "cluster", plugins: [{ type: "ptp", ipam }] });
writeFileSync(original, network);

const names = ["web", "client", "stranger"];
const node = useNode({
  objects: {
    "pods.yaml": together(...names.map((name) => podObject({ name, labels: { app: name } }))),
    "web.yaml": networkPolicy({ name: "web", selects: { app: "web" }, ingress: [{ from: [app("client")] }] }),
  },
  args: [
    "--cni-install",
    "--cni-bin-dir",
    places.binDir,
    "--cni-conf-dir",
    places.confDir,
    "--cni-chained-to",
    "cluster",
  ],
});

test("pods of another's network are guarded by what the agent installed, and that network stays as it was", async () => {
  const { cni } = await node().read<StatusView>("status");
  expect(cni).toMatchObject({ state: "installed", plugins: ["ptp", "weir-cni"], cniVersions: ["1.0.0"] });
  expect(readFileSync(original, "utf8")).toBe(network);
  await using web = await InstalledPod.add(node(), places, { name: "web" });
  await using client = await InstalledPod.add(node(), places, { name: "client" });
  await using stranger = await InstalledPod.add(node(), places, { name: "stranger" });
  expect([web.ipv4, client.ipv4]).toEqual(["10.89.0.2", "10.89.0.3"]);
  await web.traffic.serve("TCP", 80);
  await expectTraffic(client, web, 80, "answered");
  await expectTraffic(stranger, web, 80, "silent");
  expect(await web.check()).toBeNull();
  await web.delete();
  await expectTraffic(stranger, client, 80, "refused");
});
