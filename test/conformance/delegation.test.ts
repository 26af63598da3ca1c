import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { mustRun } from "#agent/local/command.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";
import {
  addRecorder,
  addressOf,
  type Container,
  makeContainer,
  pluginFolder,
  runtimeOf,
  weirPlugin,
} from "./containers.ts";
import { expectFailure } from "./expect-error.ts";
import { expectState, type NodeState, nodeState } from "./node-state.ts";
import { takeRecords } from "./records.ts";
import type { Runtime } from "./runtime.ts";

const node = useNode();
const pods = usePods(node, ["client"]);

/** Folder of what the IPAM plugin `recorder` was told. */
let records: string;
let runtime: Runtime;
let before: NodeState;
prepare(async () => {
  records = addRecorder(node(), "recorder");
  runtime = runtimeOf(node(), { plugins: [weirPlugin(node(), { ipam: { type: "recorder", colour: "red" } })] });
  before = await nodeState(node());
});
beforeEach(() => void takeRecords(records));

const commands = () => takeRecords(records).map(({ command }) => command);
const container = () => makeContainer(node(), "client");

/** Runs something while the IPAM plugin fails at a verb. */
async function whileFailing(command: string, run: () => Promise<void>): Promise<void> {
  const file = join(records, `fail-${command}`);
  writeFileSync(file, `no ${command} today`);
  try {
    await run();
  } finally {
    rmSync(file);
  }
}

test("cni-82, cni-83, cni-84, cni-87: an IPAM plugin is found in CNI_PATH, told all that we are told, and its addresses are used", async () => {
  using pod = container();
  const result = await runtime.add(pod);
  const [told] = takeRecords(records);
  expect(told?.variables).toEqual({ CNI_COMMAND: "ADD", ...runtime.variables(pod) });
  expect(told?.config).toEqual(runtime.config(pod));
  expect(addressOf(result)).toBe("10.88.0.2");
  expect(result.interfaces?.length).toBe(2);
  expect(result.ips?.[0]).toMatchObject({ interface: 1, gateway: "10.88.0.1" });
  expect(result.routes).toContainEqual({ dst: "0.0.0.0/0", gw: "10.88.0.1" });
  expect(await mustRun(pod.namespace.enter(["ip", "-o", "addr", "show", "eth0"]))).toContain("10.88.0.2/");
  await expectTraffic(pods.client, "10.88.0.2", 80, "refused");
  await runtime.delete(pod);
});

test("cni-83: what the IPAM plugin says on stderr goes on to ours", async () => {
  using pod = container();
  const reply = await runtime.call("ADD", "weir-cni", runtime.variables(pod), runtime.config(pod));
  expect(reply.exitCode).toBe(0);
  expect(reply.stderr).toContain("recorder: ADD");
  await runtime.delete(pod);
});

test("cni-42, cni-53, gc-58, cni-85: CHECK, STATUS, GC and DEL are the IPAM plugin's as well", async () => {
  using pod = container();
  await runtime.add(pod);
  await runtime.check(pod);
  await runtime.status();
  await runtime.gc([pod]);
  await runtime.delete(pod);
  expect(commands()).toEqual(["ADD", "CHECK", "STATUS", "GC", "DEL"]);
});

test("cni-42, cni-53, cni-85: what the IPAM plugin complains of goes on to the runtime", async () => {
  using pod = container();
  await runtime.add(pod);
  await whileFailing("CHECK", async () => {
    expect((await expectFailure(runtime.check(pod), 111)).msg).toContain("no CHECK today");
  });
  await whileFailing("STATUS", async () => {
    expect((await expectFailure(runtime.status(), 111)).msg).toContain("no STATUS today");
  });
  await whileFailing("DEL", async () => {
    expect((await expectFailure(runtime.delete(pod), 111)).msg).toContain("no DEL today");
  });
  await runtime.delete(pod);
});

test("cni-85, cni-91: an IPAM plugin that fails without a word, or with something else than an error, is an error of our own", async () => {
  for (const words of ["", "out of luck", "[]", '{"code": "many"}']) {
    const program = join(pluginFolder(node()), "mute");
    writeFileSync(program, `#!/bin/sh\nprintf '%s' '${words}'\nexit 3\n`);
    chmodSync(program, 0o755);
    const mute = runtimeOf(node(), { plugins: [weirPlugin(node(), { ipam: { type: "mute" } })] });
    using pod = container();
    expect((await expectFailure(mute.add(pod), 104)).msg).toContain("mute");
  }
});

test("gc-57, gc-58: GC goes on where the IPAM plugin failed, and tells its error", async () => {
  using valid = container();
  using stale = container();
  for (const pod of [valid, stale]) await runtime.add(pod);
  await whileFailing("GC", () => expect(runtime.gc([valid])).rejects.toThrow("no GC today"));
  expect((await node().client.endpoints()).map(({ containerId }) => containerId)).not.toContain(stale.containerId);
  await runtime.check(valid);
  for (const pod of [valid, stale]) await runtime.delete(pod);
});

test("cni-86: when the IPAM plugin fails an ADD it is told DEL, and nothing is left", async () => {
  using pod = container();
  await whileFailing("ADD", async () => {
    expect((await expectFailure(runtime.add(pod), 111)).msg).toContain("no ADD today");
  });
  expect(commands()).toEqual(["ADD", "DEL"]);
  expect(await mustRun(pod.namespace.enter(["ip", "-o", "link"]))).not.toContain("eth0");
  await runtime.delete(pod);
  await expectState(node(), before, "an ADD in vain");
});

test("cni-86: when our own part of ADD fails the IPAM plugin is told DEL", async () => {
  const twice = container();
  await runtime.add(twice);
  takeRecords(records);
  // The recorder counts anew, and gives the address a second time.
  using pod = container();
  const error = await runtime.add(pod).catch((thrown: unknown) => thrown);
  expect(String(error)).toContain("10.88.0.2");
  expect(commands()).toEqual(["ADD", "DEL"]);
  for (const each of [pod, twice]) await runtime.delete(each);
});

test("cni-21, cni-83: an IPAM plugin that is not in CNI_PATH is an error that names it", async () => {
  const nowhere = runtimeOf(node(), { plugins: [weirPlugin(node(), { ipam: { type: "nowhere" } })] });
  using pod = container();
  const error = await nowhere.add(pod).catch((thrown: unknown) => thrown);
  expect(String(error)).toContain("nowhere");
});

test("cni-82, cni-85: addresses of Debian's host-local are used and given back", async () => {
  const dataDir = join(node().folder, "host-local");
  const ipam = { type: "host-local", dataDir, ranges: [[{ subnet: "10.98.0.0/24" }], [{ subnet: "fd00:98::/64" }]] };
  const local = runtimeOf(node(), { cniVersion: "1.0.0", plugins: [weirPlugin(node(), { ipam })] });
  const lives: string[] = [];
  for (let life = 0; life < 2; life += 1) {
    using pod = container();
    const result = await local.add(pod);
    lives.push(addressOf(result, 4), addressOf(result, 6));
    await local.check(pod);
    await expectTraffic(pods.client, addressOf(result, 4), 80, "refused");
    await local.delete(pod);
    expect(await mustRun(["find", dataDir, "-name", "10.98.*"])).toBe("");
  }
  expect(lives).toEqual(["10.98.0.2", "fd00:98::2", "10.98.0.3", "fd00:98::3"]);
});

/** Our own IPAM plugin in the place of another's. */
const ipamCall = async (command: string, pod: Container, more: object = {}) =>
  runtime.call(command, "weir-ipam", runtime.variables(pod), {
    cniVersion: "1.1.0",
    name: "others",
    type: "bridge",
    ipam: { type: "weir-ipam", runDir: node().runDir },
    ...more,
  });

test("cni-90, cni-82: as an IPAM plugin ours gives addresses, gateways and routes, and no interface", async () => {
  using pod = container();
  const { output, exitCode } = await ipamCall("ADD", pod);
  expect(exitCode).toBe(0);
  expect(Object.keys(output ?? {}).toSorted()).toEqual(["cniVersion", "ips", "routes"]);
  const ips = (output?.["ips"] ?? []) as Record<string, unknown>[];
  expect(ips.map((ip) => Object.keys(ip).toSorted())).toEqual([
    ["address", "gateway"],
    ["address", "gateway"],
  ]);
  for (const command of ["CHECK", "STATUS"]) {
    expect((await ipamCall(command, pod, { prevResult: output })).exitCode).toBe(0);
  }
  for (let time = 0; time < 2; time += 1) expect((await ipamCall("DEL", pod)).exitCode).toBe(0);
  await expectState(node(), before, "addresses for others");
});

test("gc-55, cni-85: as an IPAM plugin ours gives back what is stale", async () => {
  using pod = container();
  await ipamCall("ADD", pod);
  const reply = await ipamCall("GC", pod, { "cni.dev/valid-attachments": [] });
  expect(reply.exitCode).toBe(0);
  await expectState(node(), before, "GC of addresses");
});

test("cni-82: Debian's bridge gets its addresses from ours", async () => {
  const ipam = { type: "weir-ipam", runDir: node().runDir };
  const bridged = runtimeOf(node(), {
    cniVersion: "1.0.0",
    name: "bridged",
    plugins: [{ type: "bridge", bridge: "bridge1", ipam }],
  });
  using pod = container();
  expect(addressOf(await bridged.add(pod))).toMatch(/^10\.77\.0\./);
  await bridged.check(pod);
  await bridged.delete(pod);
});
