import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { NetworkNamespace } from "#agent/local/network-namespace.ts";
import { Traffic } from "#agent/local/traffic.ts";
import { runIn, runPlugin } from "#test/support/plugin-run.ts";
import { useNode } from "#test/support/use-node.ts";

const node = useNode();

/** A configuration of ours with addresses of Debian's host-local. */
function hostLocal(name: string): {
  config: { type: string; name: string; runDir: string; ipam: object };
  leases: () => string[];
} {
  const dataDir = join(node().folder, "host-local");
  const ranges = [
    [{ subnet: "10.91.0.0/24", rangeStart: "10.91.0.10", rangeEnd: "10.91.0.11" }],
    [{ subnet: "fd91::/64" }],
  ];
  const ipam = { type: "host-local", ranges, routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }], dataDir };
  const folder = join(dataDir, name);
  const leases = (): string[] =>
    existsSync(folder) ? readdirSync(folder).filter((file) => /^(10\.91|fd91)/.test(file)) : [];
  return { config: { type: "weir-cni", name, runDir: node().runDir, ipam }, leases };
}

/** Whether a container reaches a server of the node by an address of the node. */
async function reaches(namespace: NetworkNamespace, address: string): Promise<string> {
  const track = (pid: number): Disposable => node().lab.track(pid);
  await using server = new Traffic(node().namespace, track);
  await server.serve("TCP", 8080);
  await using client = new Traffic(namespace, track);
  return await client.attempt({ protocol: "TCP", address, port: 8080 });
}

describe("host-local", () => {
  test("cni-82 gives the addresses, which reach the node, and takes them back at DEL", async () => {
    using namespace = node().lab.namespace("delegated");
    const { config, leases } = hostLocal("delegated");
    const added = await runPlugin(node(), "ADD", config, { namespace });
    expect(added).toMatchObject({
      exitCode: 0,
      ips: [
        { address: "10.91.0.10/32", gateway: "10.91.0.1" },
        { address: "fd91::2/128", gateway: "fd91::1" },
      ],
    });
    expect(await reaches(namespace, "10.91.0.1")).toBe("answered");
    expect(await reaches(namespace, "fd91::1")).toBe("answered");
    const endpoints = await node().client.endpoints();
    expect(endpoints.map(({ ipv4 }) => ipv4)).toEqual(["10.91.0.10"]);
    expect((await runPlugin(node(), "CHECK", { ...config, prevResult: added }, { namespace })).exitCode).toBe(0);
    expect(await runPlugin(node(), "DEL", config, { namespace })).toEqual({ exitCode: 0 });
    expect(leases()).toEqual([]);
    expect(await node().client.endpoints()).toEqual([]);
  });

  test("cni-42 CHECK asks it, too", async () => {
    using namespace = node().lab.namespace("checked");
    const { config } = hostLocal("checked");
    const added = await runPlugin(node(), "ADD", config, { namespace });
    await runPlugin(node(), "DEL", { ...config, type: "host-local" }, { namespace });
    const checked = await runPlugin(node(), "CHECK", { ...config, prevResult: added }, { namespace });
    expect(checked).toMatchObject({ exitCode: 1, msg: expect.stringContaining("host-local: Failed to find address") });
    await runPlugin(node(), "DEL", config, { namespace });
  });

  test("cni-86 takes its addresses back when ADD fails after it", async () => {
    using namespace = node().lab.namespace("failing");
    const { config, leases } = hostLocal("failing");
    const failed = await runPlugin(node(), "ADD", { ...config, runtimeConfig: { aliases: [] } }, { namespace });
    expect(failed).toMatchObject({ exitCode: 1, code: 2 });
    expect(leases()).toEqual([]);
  });

  test("cni-87 its error is told as it is, e.g. of a full range", async () => {
    using first = node().lab.namespace("first");
    using second = node().lab.namespace("second");
    using third = node().lab.namespace("third");
    const { config, leases } = hostLocal("full");
    for (const namespace of [first, second])
      expect((await runPlugin(node(), "ADD", config, { namespace })).exitCode).toBe(0);
    const failed = await runPlugin(node(), "ADD", config, { namespace: third });
    expect(failed).toMatchObject({ exitCode: 1, msg: expect.stringContaining("no IP addresses available") });
    for (const namespace of [first, second, third]) await runPlugin(node(), "DEL", config, { namespace });
    expect(leases()).toEqual([]);
  });
});

test("static addresses of the plugin static", async () => {
  using namespace = node().lab.namespace("static");
  const ipam = {
    type: "static",
    addresses: [{ address: "10.92.0.7/24", gateway: "10.92.0.1" }],
    routes: [{ dst: "0.0.0.0/0" }],
  };
  const config = { type: "weir-cni", runDir: node().runDir, ipam };
  const added = await runPlugin(node(), "ADD", config, { namespace });
  expect(added).toMatchObject({ exitCode: 0, ips: [{ address: "10.92.0.7/32", gateway: "10.92.0.1" }] });
  expect(await reaches(namespace, "10.92.0.1")).toBe("answered");
  using other = node().lab.namespace("static-twice");
  const again = await runPlugin(node(), "ADD", config, { namespace: other });
  expect(again).toMatchObject({ exitCode: 1, msg: expect.stringMatching(/10\.92\.0\.7: pod default\/\S+ has it/) });
  await runPlugin(node(), "DEL", config, { namespace });
});

test("what is somebody else's already is refused, and stays: a route of the node, a pod's address as the gateway", async () => {
  const pod = await node().addPod({ name: "owner" });
  using namespace = node().lab.namespace("greedy");
  const attach = async (address: string, gateway: string) => {
    const ipam = { type: "static", addresses: [{ address, gateway }] };
    return await runPlugin(node(), "ADD", { type: "weir-cni", runDir: node().runDir, ipam }, { namespace });
  };
  const route = ["10.98.0.7", "dev", "lo", "proto", "static"];
  runIn(node().namespace, "ip", "route", "add", ...route);
  expect(await attach("10.98.0.7/24", "10.98.0.1")).toMatchObject({ exitCode: 1, code: 102 });
  expect(runIn(node().namespace, "ip", "route", "show", "10.98.0.7")).toContain("dev lo proto static");
  expect(await attach("10.98.0.8/24", pod.ipv4)).toMatchObject({
    exitCode: 1,
    msg: expect.stringContaining(`behind gateway ${pod.ipv4}: a pod has that address`),
  });
  runIn(node().namespace, "ip", "route", "delete", ...route);
  expect(runIn(namespace, "ip", "-brief", "link", "show", "type", "veth")).toBe("");
  await pod.delete();
});

test("cni-53 cni-58 STATUS and GC ask an IPAM plugin that knows them", async () => {
  const folder = join(node().folder, "plugins");
  mkdirSync(folder, { recursive: true });
  const log = join(node().folder, "fake.log");
  writeFileSync(
    join(folder, "fake"),
    `#!/bin/sh\necho $CNI_COMMAND >> ${log}\n[ -e ${log}.fail ] || exit 0\necho '{"code":50,"msg":"no addresses"}'\nexit 1\n`,
  );
  chmodSync(join(folder, "fake"), 0o755);
  const config = {
    type: "weir-cni",
    cniVersion: "1.1.0",
    runDir: node().runDir,
    ipam: { type: "fake" },
    "cni.dev/valid-attachments": [],
  };
  const { namespace } = node();
  for (const command of ["STATUS", "GC"])
    expect((await runPlugin(node(), command, config, { namespace })).exitCode).toBe(0);
  writeFileSync(`${log}.fail`, "");
  for (const command of ["STATUS", "GC"]) {
    const failed = await runPlugin(node(), command, config, { namespace });
    expect(failed).toMatchObject({ exitCode: 1, code: 50, msg: "no addresses" });
  }
});

describe("weir-ipam", () => {
  /** Debian's bridge with the agent's addresses. */
  const bridge = (name: string): { type: string; name: string; bridge: string; isGateway: boolean; ipam: object } => ({
    type: "bridge",
    name,
    bridge: "weir-test0",
    isGateway: true,
    ipam: { type: "weir-ipam", runDir: node().runDir },
  });
  const leases = (): string[] => readdirSync(join(node().folder, "state/leases"));

  test("cni-90 gives addresses to another plugin's interface, which reach their gateway", async () => {
    using namespace = node().lab.namespace("bridged");
    const added = await runPlugin(node(), "ADD", bridge("bridged"), { namespace });
    expect(added).toMatchObject({
      exitCode: 0,
      ips: [
        { address: expect.stringMatching(/^10\.77\.0\.\d+\/24$/), gateway: "10.77.0.1" },
        { address: expect.stringMatching(/^fd00:77::[0-9a-f]+\/64$/), gateway: "fd00:77::1" },
      ],
    });
    expect(await reaches(namespace, "10.77.0.1")).toBe("answered");
    expect(leases()).toHaveLength(1);
    expect(await runPlugin(node(), "CHECK", { ...bridge("bridged"), prevResult: added }, { namespace })).toMatchObject({
      exitCode: 0,
    });
    for (let time = 0; time < 2; time++)
      expect((await runPlugin(node(), "DEL", bridge("bridged"), { namespace })).exitCode).toBe(0);
    expect(leases()).toEqual([]);
    runIn(node().namespace, "ip", "link", "delete", "weir-test0");
  });

  test("a guarded interface with its addresses, whose record cannot be read, does not keep the agent from its start", async () => {
    using namespace = node().lab.namespace("guarded");
    const config = { ...bridge("guarded"), isGateway: false };
    const prevResult = await runPlugin(node(), "ADD", config, { namespace });
    const guard = { type: "weir-cni", name: "guarded", runDir: node().runDir, prevResult };
    expect((await runPlugin(node(), "ADD", guard, { namespace })).exitCode).toBe(0);
    using later = node().lab.namespace("no-lease");
    const own = { type: "weir-cni", name: "guarded", runDir: node().runDir };
    const { ips } = await runPlugin(node(), "ADD", own, { namespace: later });
    expect(ips?.[0]?.address.split("/")[0]).not.toBe(prevResult.ips?.[0]?.address.split("/")[0]);
    await node().agent.kill();
    const records = join(node().folder, "state/endpoints");
    const file = readdirSync(records).find((name) => readFileSync(join(records, name), "utf8").includes('"chained"'));
    const record = join(records, file ?? "missing");
    writeFileSync(record, "{");
    await node().startAgent({ degraded: true });
    await runPlugin(node(), "DEL", own, { namespace: later });
    await runPlugin(node(), "DEL", guard, { namespace });
    await runPlugin(node(), "DEL", config, { namespace });
    expect(leases()).toEqual([]);
    rmSync(record);
    await node().agent.stop();
    await node().startAgent();
    runIn(node().namespace, "ip", "link", "delete", "weir-test0");
  });

  test("keeps its addresses over a restart of the agent, and takes back by GC what is stale", async () => {
    using first = node().lab.namespace("kept");
    using second = node().lab.namespace("stale");
    const config = { type: "weir-ipam", name: "gc", ipam: { type: "weir-ipam", runDir: node().runDir } };
    const addresses: string[] = [];
    for (const namespace of [first, second]) {
      const added = await runPlugin(node(), "ADD", config, { namespace });
      addresses.push(added.ips?.[0]?.address ?? "");
    }
    await node().agent.kill();
    await node().startAgent();
    using third = node().lab.namespace("later");
    const later = await runPlugin(node(), "ADD", config, { namespace: third });
    expect(addresses).not.toContain(later.ips?.[0]?.address);
    const valid = [first, third].map(({ name }) => ({ containerID: name, ifname: "eth0" }));
    const gc = { ...config, cniVersion: "1.1.0", "cni.dev/valid-attachments": valid };
    expect(await runPlugin(node(), "GC", gc, { namespace: first })).toEqual({ exitCode: 0 });
    expect(leases()).toHaveLength(2);
    expect((await runPlugin(node(), "CHECK", { ...config, prevResult: later }, { namespace: second })).code).toBe(103);
    for (const namespace of [first, third]) await runPlugin(node(), "DEL", config, { namespace });
    expect(leases()).toEqual([]);
  });
});
