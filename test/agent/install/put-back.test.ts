import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import { systemClocks } from "libbpf-ts";
import { SystemClock } from "#agent/runtime/clock.ts";
import { uninstall } from "#agent/install/uninstall.ts";
import { CniFolders } from "#test/support/cni-folders.ts";

let node: CniFolders;
beforeEach(() => {
  node = new CniFolders();
});
afterEach(() => node[Symbol.dispose]());

const all = (): unknown => [node.programs(), node.networks()];

test.each<[string, () => void]>([
  ["the network", () => rmSync(join(node.confDir, "05-weir.conflist"))],
  ["the program", () => rmSync(join(node.binDir, "weir-cni"))],
  ["the second name of the program", () => rmSync(join(node.binDir, "weir-ipam"))],
  ["the folder of networks", () => rmSync(node.confDir, { recursive: true })],
  ["both folders", () => [node.confDir, node.binDir].forEach((path) => rmSync(path, { recursive: true }))],
])("%s comes back when it is removed, and this is told", async (_what, remove) => {
  const install = node.install();
  await install.look();
  const before = all();
  remove();
  await install.look();
  expect(all()).toEqual(before);
  expect(install.problems).toEqual([]);
  expect(install.state.events.at(-1)?.message).toMatch(/ was gone: it is put back$/);
});

test("what was changed while no agent ran is put back at the start", async () => {
  await node.install().look();
  const before = all();
  const path = join(node.confDir, "05-weir.conflist");
  writeFileSync(path, readFileSync(path, "utf8").replace("/run/weir", "/run/other"));
  const install = node.install();
  await install.look();
  expect(all()).toEqual(before);
  expect(install.state.events).toMatchObject([{ message: `${path} was changed by something else: it is put back` }]);
});

test("with a program that writes the same file there is no endless fight", async () => {
  const install = node.install();
  await install.look();
  const path = join(node.confDir, "05-weir.conflist");
  let restored = 0;
  for (let second = 0; second < 120; second++) {
    node.addNetwork("05-weir.conflist");
    await install.look();
    if (node.firstNetwork().list.name === "weir") restored++;
    node.clock.advance(1_000);
  }
  expect(restored).toBe(7);
  expect(install.problems).toEqual([expect.stringContaining(`${path} is not what the agent put there`)]);
  node.clock.advance(300_000);
  await install.look();
  expect(install.problems).toEqual([expect.stringContaining(`${path} was put back 8 times: another program`)]);
  node.clock.advance(600_000);
  await install.look();
  expect(install.problems).toEqual([]);
});

test("a running agent sees it at once, also in a folder that was made anew", async () => {
  const stop = new AbortController();
  // An hour between looks without a cause: what comes back was seen by watching.
  const install = node.install({ clock: new SystemClock(systemClocks), interval: 3_600_000 });
  const running = install.run(stop.signal);
  try {
    await until("the installation", () => install.state.state === "installed");
    const before = all();
    const isBack = (): boolean => JSON.stringify(all()) === JSON.stringify(before);
    rmSync(join(node.confDir, "05-weir.conflist"));
    await until(
      "the network is back",
      () => install.state.events.at(-1)?.message.includes("gone") === true && isBack(),
    );
    rmSync(node.confDir, { recursive: true });
    await until(
      "the folder is back",
      () => install.state.events.filter(({ message }) => message.includes("gone")).length === 2,
    );
    await until("all is well", () => install.problems.length === 0 && isBack());
    node.addNetwork("00-late.conflist");
    await until("ours is first again", () => node.firstNetwork().list.name === "weir");
  } finally {
    stop.abort();
    await running;
  }
  // The end of the agent is not the end of the network.
  expect(node.firstNetwork().list.name).toBe("weir");
});

test("what the agent did not put there stays at the end", async () => {
  await node.install().look();
  writeFileSync(join(node.binDir, "weir-cni"), "somebody's");
  node.addNetwork("05-weir.conflist");
  expect(uninstall(node.stateDir).problems).toEqual([]);
  expect(Object.keys(node.programs())).toEqual(["weir-cni"]);
  expect(Object.keys(node.networks())).toEqual(["05-weir.conflist"]);
});

test("a network of ours that was edited goes all the same", async () => {
  await node.install().look();
  const path = join(node.confDir, "05-weir.conflist");
  writeFileSync(path, readFileSync(path, "utf8").replace("1500", "9000"));
  expect(uninstall(node.stateDir)).toMatchObject({ files: expect.arrayContaining([path]), problems: [] });
});
