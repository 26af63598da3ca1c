import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { uninstall } from "#agent/install/uninstall.ts";
import { bridgeNetwork, CniFolders } from "#test/support/cni-folders.ts";

let node: CniFolders;
beforeEach(() => {
  node = new CniFolders();
});
afterEach(() => node[Symbol.dispose]());

test.each([
  [["10-cluster.conflist"], "05-weir.conflist"],
  [["01-cluster.conf"], "00-weir.conflist"],
  [["00-cluster.json"], "0-weir.conflist"],
])("before %j stands %s", async (others, name) => {
  for (const file of others) node.addNetwork(file);
  const install = node.install();
  await install.look();
  expect(install.problems).toEqual([]);
  expect(node.firstNetwork()).toMatchObject({ file: name, list: { name: "weir" } });
  expect(Object.keys(node.networks())).toHaveLength(others.length + 1);
});

test("one that comes later and would stand first does not", async () => {
  const install = node.install();
  await install.look();
  node.addNetwork("01-late.conflist");
  await install.look();
  expect(Object.keys(node.networks())).toEqual(["00-weir.conflist", "01-late.conflist"]);
  expect(install.state.events.slice(-3).map(({ message }) => message)).toEqual([
    "the network's file is 00-weir.conflist, so that it stands before 01-late.conflist",
    `${join(node.confDir, "00-weir.conflist")} is installed`,
    `${join(node.confDir, "05-weir.conflist")} is removed: ${join(node.confDir, "00-weir.conflist")} is the network now`,
  ]);
});

test("one that stands before every name is told", async () => {
  node.addNetwork("!first.conflist");
  const install = node.install();
  await install.look();
  expect(install.problems).toEqual([expect.stringContaining("!first.conflist stands before 0-weir.conflist")]);
});

test("a copy that somebody made of our network is his", async () => {
  await node.install().look();
  node.addNetwork("99-mine.conflist", node.networks()["05-weir.conflist"]);
  const before = node.networks();
  await node.install().look();
  expect(node.networks()).toEqual(before);
  uninstall(node.stateDir);
  expect(Object.keys(node.networks())).toEqual(["99-mine.conflist"]);
});

test("Multus stays the first: it calls us", async () => {
  const multus = JSON.stringify({ cniVersion: "1.0.0", name: "multus", type: "multus-shim", socketDir: "/run/multus" });
  node.addNetwork("00-multus.conf", multus);
  const install = node.install({ exclusive: true });
  await install.look();
  expect(install.problems).toEqual([]);
  expect(Object.keys(node.networks())).toEqual(["00-multus.conf", "05-weir.conflist"]);
});

test("files that no runtime reads are nobody's networks", async () => {
  node.addNetwork("00-notes.txt", "x");
  node.addNetwork("00-old.conflist.bak");
  await node.install({ exclusive: true }).look();
  expect(Object.keys(node.networks())).toEqual(["00-notes.txt", "00-old.conflist.bak", "05-weir.conflist"]);
});

test("exclusive: the others wait under another name, and come back", async () => {
  node.addNetwork("00-cluster.conflist");
  node.addNetwork("87-podman.conflist", "{not even JSON");
  const before = node.networks();
  const install = node.install({ exclusive: true });
  await install.look();
  expect(install.problems).toEqual([]);
  const names = ["00-cluster.conflist.weir_bak", "05-weir.conflist", "87-podman.conflist.weir_bak"];
  expect(Object.keys(node.networks())).toEqual(names);
  expect(uninstall(node.stateDir).problems).toEqual([]);
  expect(node.networks()).toEqual(before);
});

test("a life that is not exclusive gives back what one that was has set aside", async () => {
  node.addNetwork("10-cluster.conflist");
  await node.install({ exclusive: true }).look();
  const install = node.install();
  await install.look();
  expect(install.state.setAside).toEqual([]);
  expect(Object.keys(node.networks())).toEqual(["05-weir.conflist", "10-cluster.conflist"]);
});

test("exclusive: one that is written again is set aside again, at ever longer intervals", async () => {
  const install = node.install({ exclusive: true });
  let renamed = 0;
  for (let second = 0; second < 60; second++) {
    node.addNetwork("10-cluster.conflist", JSON.stringify({ second }));
    await install.look();
    if (!("10-cluster.conflist" in node.networks())) renamed++;
    node.clock.advance(1_000);
  }
  expect(renamed).toBe(6);
  expect(install.problems).toEqual([expect.stringContaining("10-cluster.conflist is there again")]);
  expect(node.firstNetwork().list.name).toBe("weir");
});

test("a file that was written anew while its backup waits is not overwritten", async () => {
  node.addNetwork("10-cluster.conflist");
  await node.install({ exclusive: true }).look();
  node.addNetwork("10-cluster.conflist", "{}");
  const { problems } = uninstall(node.stateDir);
  expect(problems).toEqual([expect.stringContaining("there is another")]);
  expect(node.networks()).toEqual({ "10-cluster.conflist": "{}", "10-cluster.conflist.weir_bak": bridgeNetwork });
});

test("chained: theirs with weir-cni at its end, under their name, and the original as it was", async () => {
  node.addNetwork("10-cluster.conflist");
  const install = node.install({ chainedTo: "cluster", exclusive: true });
  await install.look();
  expect(install.problems).toEqual([]);
  const { file, list } = node.firstNetwork();
  expect(file).toBe("05-weir.conflist");
  const original = JSON.parse(bridgeNetwork);
  const last = { type: "weir-cni", runDir: "/run/weir", capabilities: { bandwidth: true } };
  expect(list).toMatchObject({ ...original, plugins: [...original.plugins, last] });
  expect(node.networks()["10-cluster.conflist"]).toBe(bridgeNetwork);
  expect(install.state).toMatchObject({ plugins: ["bridge", "portmap", "weir-cni"], cniVersions: ["0.4.0"] });
});

test("chained: a single plugin becomes a list", async () => {
  node.addNetwork("10-ptp.conf", JSON.stringify({ cniVersion: "0.3.1", name: "ptp", type: "ptp", mtu: 1400 }));
  await node.install({ chainedTo: "ptp" }).look();
  expect(node.firstNetwork().list).toMatchObject({
    cniVersion: "0.3.1",
    name: "ptp",
    plugins: [{ type: "ptp", mtu: 1400 }, { type: "weir-cni" }],
  });
});

test("chained: follows the original; when that is gone, what was made of it stays", async () => {
  const install = node.install({ chainedTo: "cluster" });
  await install.look();
  expect(install.problems).toEqual([expect.stringContaining("there is no network cluster in")]);
  expect(node.networks()).toEqual({});
  node.addNetwork("10-cluster.conflist");
  await install.look();
  expect(install.problems).toEqual([]);
  node.addNetwork("10-cluster.conflist", bridgeNetwork.replace("cni0", "cni1"));
  await install.look();
  expect(node.firstNetwork().list.plugins).toMatchObject([{ bridge: "cni1" }, {}, { type: "weir-cni" }]);
  expect(install.problems).toEqual([]);
  rmSync(join(node.confDir, "10-cluster.conflist"));
  const next = node.install({ chainedTo: "cluster" });
  await next.look();
  expect(next.problems).toEqual([expect.stringContaining("there is no network cluster in")]);
  expect(node.firstNetwork().list.plugins).toMatchObject([{ bridge: "cni1" }, {}, { type: "weir-cni" }]);
});

test.each([
  ["has weir-cni already", { cniVersion: "1.0.0", name: "cluster", plugins: [{ type: "weir-cni" }] }],
  ["is of CNI version 0.2.0", { cniVersion: "0.2.0", name: "cluster", plugins: [{ type: "bridge" }] }],
])("chained: a network that %s is refused", async (why, network) => {
  node.addNetwork("10-cluster.conflist", JSON.stringify(network));
  const install = node.install({ chainedTo: "cluster" });
  await install.look();
  expect(install.problems).toEqual([expect.stringContaining(why)]);
});
