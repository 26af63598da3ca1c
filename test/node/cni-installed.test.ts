import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { StatusView } from "#agent/api/views.ts";
import { until } from "#agent/local/until.ts";
import { firstNetwork, InstalledPod } from "#test/support/installed-pod.ts";
import { ping } from "#test/support/ping.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { useNode } from "#test/support/use-node.ts";

const folder = new TemporaryFolder();
// Registered first, so that it runs last: the node goes before its folders.
afterAll(() => folder[Symbol.dispose]());
const places = { binDir: folder.join("opt/cni/bin"), confDir: folder.join("etc/cni/net.d") };
const args = ["--cni-install", "--cni-bin-dir", places.binDir, "--cni-conf-dir", places.confDir, "--cni-exclusive"];
const node = useNode({ args });

const conflist = join(places.confDir, "05-weir.conflist");
const installed = async (): Promise<StatusView["cni"]> => (await node().read<StatusView>("status")).cni;

test("a node that is ready serves a runtime by what its agent installed, and nothing else", async () => {
  expect(await installed()).toMatchObject({
    state: "installed",
    binary: join(places.binDir, "weir-cni"),
    conflist,
    plugins: ["weir-cni"],
  });
  expect((await node().weir("status")).stdout).toContain(`${conflist}: weir-cni; CNI 0.3.0 to 1.1.0`);
  expect(firstNetwork(places.confDir).plugins).toMatchObject([{ runDir: node().runDir }]);
  await using a = await InstalledPod.add(node(), places, { name: "a" });
  await using b = await InstalledPod.add(node(), places, { name: "b" });
  await ping(a, b.ipv4);
  await ping(b, a.ipv6);
  expect(await a.check()).toBeNull();
  await a.delete();
});

test("what is removed comes back, and status tells", async () => {
  rmSync(conflist);
  await until("the network is back", () => existsSync(conflist));
  await until("status tells", async () =>
    (await installed()).events.some(({ message }) => message === `${conflist} was gone: it is put back`),
  );
  await using pod = await InstalledPod.add(node(), places, { name: "c" });
  await ping(pod, pod.gateway4);
});

test("what stands in the way degrades the node and harms nothing else", async () => {
  rmSync(places.binDir, { recursive: true });
  writeFileSync(places.binDir, "");
  await until("status tells", async () => (await node().client.status()).state === "degraded");
  const { problems } = await node().client.status();
  expect(problems).toEqual([expect.stringContaining(places.binDir)]);
  await using pod = await node().addPod({ name: "by-other-ways" });
  await ping(pod, pod.gateway4);
  rmSync(places.binDir);
  await until("all is well", async () => (await node().client.status()).state === "ok");
});

test("an agent that cannot start installs nothing", async () => {
  const other = ["--cni-bin-dir", folder.join("bin2"), "--cni-conf-dir", folder.join("net2.d")];
  const { code } = await node().weir("agent", ...node().agentOptions, "--cni-install", ...other);
  expect(code).toBe(1);
  expect([existsSync(folder.join("bin2")), existsSync(folder.join("net2.d"))]).toEqual([false, false]);
});

test("the agent's end leaves the network, its next life finds it, and cleanup removes it", async () => {
  await node().agent.stop();
  expect(readdirSync(places.confDir)).toEqual(["05-weir.conflist"]);
  writeFileSync(join(places.confDir, "10-other.conflist"), "{}");
  await node().startAgent({ args });
  expect((await installed()).setAside).toEqual([join(places.confDir, "10-other.conflist.weir_bak")]);

  await node().agent.kill();
  const cleaned = await node().weir("cleanup", ...node().cleanupOptions);
  expect([cleaned.code, cleaned.stderr]).toEqual([0, ""]);
  expect(readdirSync(places.confDir)).toEqual(["10-other.conflist"]);
  // What the agent had to make, and nobody else uses.
  expect(existsSync(folder.join("opt"))).toBe(false);
});
