import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CniFolders, pluginProgram } from "#test/support/cni-folders.ts";

let node: CniFolders;
beforeEach(() => {
  node = new CniFolders();
});
afterEach(() => node[Symbol.dispose]());

test("programs and network are in place, as a runtime wants them", async () => {
  const install = node.install();
  expect(install.problems).toEqual(["the CNI plugin is not installed yet"]);
  await install.look();
  expect(install.problems).toEqual([]);
  const program = readFileSync(node.program, "utf8");
  expect(node.programs()).toEqual({ "weir-cni": program, "weir-ipam": program });
  const { list } = node.firstNetwork();
  expect(list).toMatchObject({
    cniVersion: "1.0.0",
    cniVersions: ["0.3.1", "0.4.0", "1.0.0", "1.1.0"],
    name: "weir",
    plugins: [{ type: "weir-cni", runDir: "/run/weir", mtu: 1500, capabilities: { bandwidth: true, ips: true } }],
  });
  expect(list.plugins).toHaveLength(1);
  expect(readdirSync(node.confDir)).toEqual(["05-weir.conflist"]);
  const modes = [join(node.binDir, "weir-cni"), join(node.binDir, "weir-ipam"), join(node.confDir, "05-weir.conflist")];
  expect(modes.map((path) => statSync(path).mode & 0o777)).toEqual([0o755, 0o755, 0o644]);
  expect(install.state).toMatchObject({
    state: "installed",
    binary: join(node.binDir, "weir-cni"),
    conflist: join(node.confDir, "05-weir.conflist"),
    plugins: ["weir-cni"],
  });
});

test("whatever the umask is, everybody may read and execute", async () => {
  const before = process.umask(0o077);
  try {
    await node.install().look();
  } finally {
    process.umask(before);
  }
  expect(statSync(join(node.binDir, "weir-cni")).mode & 0o777).toBe(0o755);
});

test("what is right is not written again, by this life or the next", async () => {
  const inodes = () =>
    ["bin/weir-cni", "bin/weir-ipam", "net.d/05-weir.conflist"].map((name) => statSync(node.path(name)).ino);
  const install = node.install();
  await install.look();
  const first = inodes();
  await install.look();
  const next = node.install();
  await next.look();
  expect(inodes()).toEqual(first);
  expect(next.state.events).toEqual([]);
});

test("a program that runs is replaced, and runs on", async () => {
  const path = join(node.binDir, "weir-cni");
  copyFileSync("/bin/sleep", path);
  const running = spawn(path, ["1000"]);
  try {
    await once(running, "spawn");
    expect(() => openSync(path, "r+")).toThrow("ETXTBSY");
    const install = node.install();
    await install.look();
    expect(install.problems).toEqual([]);
    expect(readFileSync(path, "utf8")).toBe(readFileSync(node.program, "utf8"));
    expect(running.exitCode).toBeNull();
  } finally {
    running.kill();
  }
});

test("a new version of the program replaces the old one", async () => {
  await node.install().look();
  node.setProgram(["1.0.0", "1.1.0"], "new");
  const install = node.install();
  await install.look();
  expect(install.problems).toEqual([]);
  const program = readFileSync(node.program, "utf8");
  expect(node.programs()).toEqual({ "weir-cni": program, "weir-ipam": program });
  expect(node.firstNetwork().list).toMatchObject({ cniVersions: ["1.0.0", "1.1.0"] });
  expect(install.state.events.map(({ message }) => message)).toEqual([
    `${join(node.binDir, "weir-cni")} is updated`,
    `${join(node.binDir, "weir-ipam")} is updated`,
    `${join(node.confDir, "05-weir.conflist")} is updated`,
  ]);
});

test("portmap follows as soon as it is there, with the versions that both speak", async () => {
  const install = node.install();
  await install.look();
  node.addPlugin("portmap", ["0.3.1", "0.4.0", "1.0.0"]);
  await install.look();
  expect(install.problems).toEqual([]);
  const { list } = node.firstNetwork();
  expect(list).toMatchObject({ cniVersion: "1.0.0", cniVersions: ["0.3.1", "0.4.0", "1.0.0"] });
  expect(list.plugins).toMatchObject([
    { type: "weir-cni", capabilities: { portMappings: true } },
    { type: "portmap", capabilities: { portMappings: true } },
  ]);
});

test("a plugin that was asked for and cannot run is left out, and said so", async () => {
  node.addPlugin("tuning", ["1.0.0"]);
  writeFileSync(join(node.binDir, "sbr"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  const install = node.install({ chain: ["tuning", "sbr", "firewall"] });
  await install.look();
  expect(install.problems).toEqual([
    expect.stringContaining("plugin sbr is left out: ask"),
    expect.stringContaining("plugin firewall of --cni-chain is left out: there is no program"),
  ]);
  expect(node.firstNetwork().list.plugins).toMatchObject([{ type: "weir-cni" }, { type: "tuning" }]);
});

test("no network without a program that answers", async () => {
  writeFileSync(node.program, "#!/bin/sh\nexit 3\n", { mode: 0o755 });
  const install = node.install();
  await install.look();
  expect(install.problems).toEqual([expect.stringContaining("for its versions: ")]);
  expect(install.state).toMatchObject({ state: "incomplete", conflist: null });
  expect(node.networks()).toEqual({});
});

test("folders that are not there are made", async () => {
  const install = node.install({ binDir: node.path("opt/cni/bin"), confDir: node.path("etc/cni/net.d") });
  await install.look();
  expect(install.problems).toEqual([]);
  expect(readdirSync(node.path("etc/cni/net.d"))).toEqual(["05-weir.conflist"]);
});

test("a life with other folders leaves nothing in the old ones", async () => {
  await node.install().look();
  await node.install({ binDir: node.path("bin2"), confDir: node.path("net2.d") }).look();
  expect([node.programs(), node.networks()]).toEqual([{}, {}]);
  expect(readdirSync(node.path("net2.d"))).toEqual(["05-weir.conflist"]);
});

test("what a crash left of an unfinished write goes", async () => {
  const left = [".05-weir.conflist.0123456789ab.tmp", ".00-weir.conflist.weir.tmp"];
  for (const name of left) writeFileSync(join(node.confDir, name), "{");
  writeFileSync(join(node.binDir, ".weir-cni.0123456789ab.tmp"), pluginProgram([]));
  writeFileSync(join(node.confDir, ".other.0123456789ab.tmp"), "somebody else's");
  await node.install().look();
  expect(readdirSync(node.confDir)).toEqual([".other.0123456789ab.tmp", "05-weir.conflist"]);
  expect(readdirSync(node.binDir)).toEqual(["weir-cni", "weir-ipam"]);
});

test("a file without the right to be executed gets it back", async () => {
  const install = node.install();
  await install.look();
  chmodSync(join(node.binDir, "weir-cni"), 0o644);
  await install.look();
  expect(lstatSync(join(node.binDir, "weir-cni")).mode & 0o777).toBe(0o755);
});
