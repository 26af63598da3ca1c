import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { prepare, useNode } from "#test/support/use-node.ts";
import { addRecorder, makeContainer, runtimeOf, weirPlugin } from "./containers.ts";
import { loadNetwork, readNetwork } from "./network.ts";
import { PluginError } from "./plugin-call.ts";
import { takeRecords } from "./records.ts";
import type { Runtime } from "./runtime.ts";

/** That the driver keeps what the specification asks of runtimes; the plugins only write down what they are told. */
const node = useNode();

const folders: Record<string, string> = {};
let runtime: Runtime;
prepare(async () => {
  for (const name of ["first", "last"]) folders[name] = addRecorder(node(), name);
  runtime = runtimeOf(node(), { plugins: [{ type: "first" }, { type: "last" }] });
});
beforeEach(() => void told());

/** Who was told what since the last look. */
const told = () =>
  Object.fromEntries(
    Object.entries(folders).map(([name, folder]) => [name, takeRecords(folder).map(({ command }) => command)]),
  );

/** Runs something while a plugin fails at a verb. */
async function whileFailing(name: string, command: string, run: () => Promise<void>): Promise<void> {
  const file = join(folders[name] ?? "", `fail-${command}`);
  writeFileSync(file, `no ${command} by ${name}`);
  await run().finally(() => rmSync(file));
}

test("cni-17, cni-31, cni-68, cni-69, cni-70, cni-73, cni-74, cni-78, cni-79, cni-80, cni-81: what plugins are told, and in which order", async () => {
  const recorder = { type: "last", capabilities: { mac: true, ips: false }, "example.com/x": [1] };
  const mixed = runtimeOf(node(), { plugins: [weirPlugin(node()), recorder] });
  const capabilityArgs = { mac: "0a:00:00:00:00:01", ips: ["10.0.0.1"] };
  using container = makeContainer(node(), "pod", { capabilityArgs });
  const result = await mixed.add(container);
  await mixed.check(container);
  await mixed.status();
  await mixed.gc([container]);
  await mixed.delete(container);
  const records = takeRecords(folders["last"] ?? "");
  expect(records.map(({ command }) => command)).toEqual(["ADD", "CHECK", "STATUS", "GC", "DEL"]);
  for (const { command, config } of records) {
    expect(config).toMatchObject({ cniVersion: "1.1.0", name: "conformance", type: "last", "example.com/x": [1] });
    const isOfContainer = command !== "STATUS" && command !== "GC";
    expect(config["prevResult"]).toEqual(isOfContainer ? result : undefined);
    expect(config["runtimeConfig"]).toEqual(isOfContainer ? { mac: capabilityArgs.mac } : undefined);
    expect(config).not.toHaveProperty("capabilities");
    const valid = [{ containerID: container.containerId, ifname: "eth0" }];
    expect(config["cni.dev/valid-attachments"]).toEqual(command === "GC" ? valid : undefined);
  }
});

test("cni-10: keys that are the runtime's own are not taken from the list", async () => {
  const reserved = { runtimeConfig: { x: 1 }, args: { y: 2 }, "cni.dev/z": 3, prevResult: {} };
  const other = runtimeOf(node(), { plugins: [{ type: "first", ...reserved }] });
  using container = makeContainer(node(), "pod", { labels: {} });
  await other.add(container);
  const [record] = takeRecords(folders["first"] ?? "");
  expect(Object.keys(record?.config ?? {}).toSorted()).toEqual(["args", "cniVersion", "name", "type"]);
  await other.delete(container);
});

test("cni-28, cni-43, cni-61, cni-72: no second ADD, no CHECK before ADD, no ADD without a namespace; results outlive the runtime", async () => {
  using container = makeContainer(node(), "pod");
  await expect(runtime.check(container)).rejects.toThrow("not added");
  await expect(runtime.add({ ...container, netns: "/run/netns/missing" })).rejects.toThrow("does not exist");
  const result = await runtime.add(container);
  await expect(runtime.add(container)).rejects.toThrow("without DEL");
  const next = runtimeOf(node(), { plugins: [{ type: "first" }, { type: "last" }] });
  expect(next.result(container)).toEqual(result);
  await runtime.delete(container);
  expect(runtime.result(container)).toBeUndefined();
});

test("cni-45, cni-46, cni-71, cni-75: ADD, CHECK and DEL stop at the first plugin that fails", async () => {
  using container = makeContainer(node(), "pod");
  await whileFailing("first", "ADD", () => expect(runtime.add(container)).rejects.toThrow(PluginError));
  expect(told()).toEqual({ first: ["ADD"], last: [] });
  await runtime.delete(container);
  await runtime.add(container);
  told();
  await whileFailing("first", "CHECK", () => expect(runtime.check(container)).rejects.toThrow(PluginError));
  await whileFailing("last", "DEL", () => expect(runtime.delete(container)).rejects.toThrow(PluginError));
  expect(told()).toEqual({ first: ["CHECK"], last: ["DEL"] });
  await runtime.delete(container);
});

test("cni-65, cni-67: what was added, also in vain, is deleted in the end, and the namespace is the runtime's to remove", async () => {
  using whole = makeContainer(node(), "pod");
  using half = makeContainer(node(), "pod");
  await runtime.add(whole);
  await whileFailing("last", "ADD", () => expect(runtime.add(half)).rejects.toThrow(PluginError));
  told();
  await runtime.deleteAll();
  expect(told()).toEqual({ first: ["DEL", "DEL"], last: ["DEL", "DEL"] });
});

test("gc-59, cni-77: GC goes on after a plugin that fails, tells all errors, and takes no DEL's place", async () => {
  using container = makeContainer(node(), "pod");
  await runtime.add(container);
  told();
  await whileFailing("first", "GC", () =>
    whileFailing("last", "GC", () => expect(runtime.gc([])).rejects.toThrow(/no GC by first.*no GC by last/)),
  );
  await runtime.deleteAll();
  expect(told()).toEqual({ first: ["GC", "DEL"], last: ["GC", "DEL"] });
});

test("cni-62, cni-63: nothing in parallel for one container, and nothing beside GC", async () => {
  using container = makeContainer(node(), "pod");
  using other = makeContainer(node(), "pod");
  await runtime.add(container);
  const running = runtime.check(container);
  await expect(runtime.delete(container)).rejects.toThrow("busy");
  await expect(runtime.gc([container])).rejects.toThrow("busy");
  await running;
  const collecting = runtime.gc([container]);
  await expect(runtime.add(other)).rejects.toThrow("busy");
  await collecting;
  await runtime.deleteAll();
});

test("cni-4, cni-5, cni-6, cni-7: plugins of the folder with the network's name are added to those of the list", () => {
  const folder = join(node().folder, "net.d");
  mkdirSync(join(folder, "net"), { recursive: true });
  const file = join(folder, "net.conflist");
  const typesOf = (list: object) => {
    writeFileSync(file, JSON.stringify({ cniVersion: "1.1.0", name: "net", ...list }));
    return loadNetwork(file).plugins.map(({ type }) => type);
  };
  writeFileSync(join(folder, "net/last.conf"), JSON.stringify({ type: "last" }));
  const plugins = [{ type: "first" }];
  expect(typesOf({ plugins })).toEqual(["first", "last"]);
  expect(typesOf({})).toEqual(["last"]);
  expect(typesOf({ plugins, loadOnlyInlinedPlugins: true })).toEqual(["first"]);
  expect(() => typesOf({ loadOnlyInlinedPlugins: true })).toThrow("no plugins");
  writeFileSync(join(folder, "net/last.conf"), JSON.stringify({ type: "a/b" }));
  expect(() => typesOf({ plugins })).toThrow("type");
  for (const name of ["a/b", "-a", ""])
    expect(() => readNetwork({ cniVersion: "1.1.0", name, plugins })).toThrow("name");
});
