import { readdirSync } from "node:fs";
import { join } from "node:path";
import { queryTcx } from "libbpf-ts";
import { expect, test } from "vitest";
import type { StatusView } from "#agent/api/views.ts";
import { mustRun } from "#agent/local/command.ts";
import { until } from "#agent/local/until.ts";
import { withNetns } from "#agent/net/netns.ts";
import { Outside } from "#test/support/outside.ts";
import { useNode } from "#test/support/use-node.ts";

const node = useNode();

const onNode = (...args: string[]): Promise<string> => mustRun(node().namespace.enter(["ip", ...args]));
const devices = async (): Promise<readonly string[]> => (await node().read<StatusView>("status")).datapath.devices;

async function untilDevices(...names: string[]): Promise<void> {
  const what = `the node has the devices [${names.join()}]`;
  await until(what, async () => (await devices()).join() === names.join());
}

test("the devices of default routes get programs, and lose them with the device", async () => {
  const first = new Outside(node());
  const second = new Outside(node(), 3);
  expect(await devices()).toEqual([]);
  await onNode("route", "add", "default", "via", first.ipv4);
  await untilDevices("outside");
  await onNode("-6", "route", "add", "default", "via", second.ipv6);
  await untilDevices("outside", "outside3");
  const links = () => readdirSync(join(node().bpffs, "weir/device-links")).toSorted();
  const pins = ["outside-egress", "outside-ingress", "outside3-egress", "outside3-ingress"];
  await expect.poll(links).toEqual(pins);
  await onNode("link", "delete", "outside3");
  await untilDevices("outside");
  await until("the pins of the device are gone", () => links().length === 2);
});

test("a device whose default route goes is guarded as before, also by the next agent", async () => {
  await onNode("link", "add", "other", "type", "veth", "peer", "name", "other-peer");
  await onNode("address", "add", "192.0.9.1/30", "dev", "other");
  await onNode("link", "set", "other", "up");
  await onNode("route", "delete", "default");
  // Another device that gets programs says that the change has been seen.
  await onNode("route", "add", "default", "via", "192.0.9.2", "dev", "other");
  await until("the other device", async () => (await devices()).includes("other"));
  expect(await devices()).toEqual(["outside", "other"]);
  await node().agent.kill();
  await node().startAgent({});
  expect(await devices()).toEqual(["outside", "other"]);
  await onNode("link", "delete", "other");
  await untilDevices("outside");
});

test("they outlive the agent and are taken over by the next one, which may be told others", async () => {
  await node().agent.kill();
  await node().startAgent({ args: ["--device", "outside"] });
  expect(await devices()).toEqual(["outside"]);
  await node().agent.stop();
  await node().startAgent({ args: ["--device", "nothing,outside"], degraded: true });
  const { state, problems } = await node().read<StatusView>("status");
  expect([state, problems]).toEqual(["degraded", ["there is no device nothing, which --device names"]]);
});

test("one without Ethernet headers is told of", async () => {
  await node().agent.stop();
  await onNode("tuntap", "add", "dev", "bare", "mode", "tun");
  await node().startAgent({ args: ["--device", "bare"], degraded: true });
  const { problems } = await node().read<StatusView>("status");
  expect(problems).toEqual([
    "device bare has no Ethernet header: what comes and goes by it is neither judged nor masqueraded",
  ]);
});

test("weir cleanup takes the programs from the devices", async () => {
  await node().agent.stop();
  expect((await node().weir("cleanup", ...node().cleanupOptions)).code).toBe(0);
  const { ifindex } = JSON.parse(await onNode("-j", "link", "show", "outside"))[0] as { ifindex: number };
  const left = withNetns(node().namespace.path, () => queryTcx(ifindex, "ingress"));
  expect(left).toEqual([]);
});
