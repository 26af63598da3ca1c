import { readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mustRunNow } from "#agent/local/command.ts";
import { until } from "#agent/local/until.ts";
import { ChainedPod } from "#test/support/chained-pod.ts";
import { expectTraffic, targetOf } from "#test/support/expect-traffic.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { goesOn } from "#test/support/stream.ts";
import { prepare, useNode } from "#test/support/use-node.ts";

const node = useNode({
  objects: {
    "server.yaml": networkPolicy({ name: "server", selects: { app: "server" }, ingress: [{ from: [app("client")] }] }),
  },
});
const pods = {} as Record<"server" | "client" | "intruder", ChainedPod>;

const add = (name: string, by: "bridge" | "ptp" = "bridge") =>
  ChainedPod.add(node(), { by, name, labels: { app: name } });

prepare(async () => {
  pods.server = await add("server");
  pods.client = await add("client", "ptp");
  pods.intruder = await add("intruder");
  await pods.server.traffic.serve("TCP", 80);
});

/**
 * All that a pod's own plugin may have set up on the node. Not what the kernel does by itself: timers, link-local addresses,
 * the length of a queue that nothing uses, which it gives any device with a filter.
 */
function hostSideOf({ hostInterface }: ChainedPod): string {
  const script = [
    `ip -d link show ${hostInterface}`,
    `ip address show ${hostInterface}`,
    `ip route show table all dev ${hostInterface}`,
    `ip -6 route show table all dev ${hostInterface}`,
    `cd /proc/sys/net && grep -r . ipv4/conf/${hostInterface} ipv6/conf/${hostInterface} 2>&1 | grep -v stable_secret`,
  ];
  return mustRunNow(node().namespace.enter(["sh", "-c", script.join(";")]))
    .replaceAll(/ \S+_timer +[\d.]+| tentative| qlen 1000/g, "")
    .replaceAll(/.*fe80:.*\n.*valid_lft.*\n|.*fe80:.*\n/g, "")
    .replaceAll(/ +\n/g, "\n");
}

async function expectPolicy(): Promise<void> {
  await expectTraffic(pods.client, pods.server, 80, "answered");
  await expectTraffic(pods.intruder, pods.server, 80, "silent");
}

/** Interfaces of other plugins that programs of ours are on. */
async function guarded(): Promise<string[]> {
  const links = await node().client.bpf("links");
  return links.filter(({ program }) => program === "chained_egress").map(({ interface: name }) => name);
}

test.each(["bridge", "ptp"] as const)("ADD and DEL change nothing of an interface that %s has made", async (by) => {
  await using pod = await add(`short-lived-${by}`, by);
  const during = hostSideOf(pod);
  await pod.unguard();
  expect(hostSideOf(pod)).toBe(during);
  await using before = await ChainedPod.add(node(), { by, name: `unguarded-${by}`, isGuarded: false });
  const alone = hostSideOf(before);
  await before.guard();
  expect(hostSideOf(before)).toBe(alone);
  expect(await before.check()).toBeNull();
});

test("after DEL nothing of the pod passes, although its interface is still there; with the interface the programs go", async () => {
  const pod = await add("leaving");
  const { hostInterface } = pod;
  await expectTraffic(pod, pods.client, 81, "refused");
  await pod.unguard();
  await expectTraffic(pod, pods.client, 81, "silent");
  await expectTraffic(pods.client, pod, 81, "silent");
  expect(await node().client.status()).toMatchObject({ state: "ok", problems: [] });
  await pod.delete();
  await node().agent.stop();
  await node().startAgent();
  expect(
    readdirSync(join(node().bpffs, "weir/chained-links")).filter((file) => file.startsWith(hostInterface)),
  ).toEqual([]);
  expect(await guarded()).toHaveLength(3);
});

test("CHECK says what has become of the interface", async () => {
  const { server } = pods;
  const onNode = (...args: string[]) => mustRunNow(node().namespace.enter(["ip", ...args]));
  const problem = async () => (await server.check())?.msg ?? "";
  expect(await problem()).toBe("");
  onNode("link", "set", server.hostInterface, "nomaster");
  expect(await problem()).toMatch(/is on no bridge, and was a port of the bridge with index \d+/);
  onNode("link", "set", server.hostInterface, "master", "cni0");
  onNode("link", "set", server.hostInterface, "down");
  expect(await problem()).toContain(`${server.hostInterface} is down`);
  onNode("link", "set", server.hostInterface, "up");
  await until("it to be well again", async () => (await problem()) === "");
});

test("a stream goes on while the agent is killed and comes back, and policy holds", async () => {
  await using stream = await pods.client.traffic.stream(targetOf(pods.server, 80));
  await goesOn(stream);
  await node().agent.kill();
  await goesOn(stream);
  await expectPolicy();
  await node().startAgent();
  await goesOn(stream);
  await expectPolicy();
  expect((await stream.report()).ended).toBeNull();
  expect(await node().weir("policy", "verify")).toMatchObject({ code: 0 });
});

test("pods whose records are lost are cut off and told of, not open; with the records all is as before", async () => {
  const { folder } = node();
  await node().agent.stop();
  renameSync(join(folder, "state"), join(folder, "kept"));
  await node().startAgent({ degraded: true });
  const { problems } = await node().client.status();
  expect(problems.filter((problem) => problem.includes("has no record: it is cut off"))).toHaveLength(3);
  await expectTraffic(pods.client, pods.server, 80, "silent");
  await node().agent.stop();
  renameSync(join(folder, "state"), join(folder, "wrong"));
  renameSync(join(folder, "kept"), join(folder, "state"));
  await node().startAgent();
  await expectPolicy();
});

test("weir cleanup takes the programs away and leaves the interfaces, whose pods nobody guards then", async () => {
  const before = Object.values(pods).map(hostSideOf);
  await node().agent.stop();
  const { code, stderr } = await node().weir("cleanup", ...node().cleanupOptions);
  expect([code, stderr]).toEqual([0, ""]);
  expect(Object.values(pods).map(hostSideOf)).toEqual(before);
  for (const pod of [pods.client, pods.intruder]) await expectTraffic(pod, pods.server, 80, "answered");
});
