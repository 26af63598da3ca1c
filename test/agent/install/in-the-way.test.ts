import {
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { uninstall } from "#agent/install/uninstall.ts";
import { CniFolders, SmallDisk } from "#test/support/cni-folders.ts";
import { needs } from "#test/support/requirement.ts";

beforeEach(needs("root"));

let node: CniFolders;
beforeEach(() => {
  node = new CniFolders();
});
afterEach(() => node[Symbol.dispose]());

const conflist = (): string => join(node.confDir, "05-weir.conflist");

test("a link in the way is replaced, and nothing is written where it leads", async () => {
  writeFileSync(node.path("precious"), "precious");
  symlinkSync(node.path("precious"), join(node.binDir, "weir-cni"));
  symlinkSync(node.path("precious"), conflist());
  const install = node.install();
  await install.look();
  expect(install.problems).toEqual([]);
  expect(readFileSync(node.path("precious"), "utf8")).toBe("precious");
  expect(lstatSync(join(node.binDir, "weir-cni")).isFile()).toBe(true);
  expect(lstatSync(conflist()).isFile()).toBe(true);
  expect(uninstall(node.stateDir).problems).toEqual([]);
  expect(readlinkSync(conflist())).toBe(node.path("precious"));
});

test("a folder of networks that is a link is used where it leads", async () => {
  mkdirSync(node.path("elsewhere"));
  rmdirSync(node.confDir);
  symlinkSync(node.path("elsewhere"), node.confDir);
  await node.install().look();
  expect(lstatSync(node.path("elsewhere/05-weir.conflist")).isFile()).toBe(true);
  expect(lstatSync(node.confDir).isSymbolicLink()).toBe(true);
});

test("a network of the same name that somebody wrote comes back at the end", async () => {
  node.addNetwork("05-weir.conflist");
  const before = node.networks();
  const install = node.install();
  await install.look();
  await install.look();
  expect(install.problems).toEqual([]);
  expect(node.firstNetwork()).toMatchObject({ file: "05-weir.conflist", list: { name: "weir" } });
  expect(install.state.setAside).toEqual([`${conflist()}.weir_bak`]);
  uninstall(node.stateDir);
  expect(node.networks()).toEqual(before);
});

test.each(["bin/weir-cni", "bin/weir-ipam", "net.d/05-weir.conflist"])(
  "a folder at %s is a problem until it is gone",
  async (name) => {
    mkdirSync(node.path(name));
    const install = node.install();
    await install.look();
    expect(install.problems).toEqual([`${node.path(name)} is a folder, in the way of a file; remove it`]);
    expect(node.networks()).toEqual({});
    rmdirSync(node.path(name));
    await install.look();
    expect(install.problems).toEqual([]);
  },
);

test("a full disk leaves what there was, and is told until there is room", async () => {
  using disk = new SmallDisk(node.confDir);
  node.addNetwork("10-cluster.conflist");
  const before = node.networks();
  writeFileSync(join(disk.path, "fill"), Buffer.alloc(60 * 1024));
  const install = node.install({ exclusive: true });
  await install.look();
  expect(install.problems).toEqual([expect.stringMatching(/05-weir.conflist cannot be written: ENOSPC/)]);
  rmSync(join(disk.path, "fill"));
  expect(node.networks()).toEqual(before);
  await install.look();
  expect(install.problems).toEqual([]);
});

test("a folder that cannot be written is told until it can", async () => {
  using disk = new SmallDisk(node.confDir);
  disk.makeReadOnly();
  const install = node.install();
  await install.look();
  expect(install.problems).toEqual([expect.stringMatching(/05-weir.conflist cannot be written: EROFS/)]);
  expect(install.state.state).toBe("incomplete");
  disk.makeWritable();
  await install.look();
  expect(install.problems).toEqual([]);
});

test("a state folder that cannot be written keeps everything as it is: nobody would know what to remove", async () => {
  using disk = new SmallDisk(node.stateDir);
  disk.makeReadOnly();
  const install = node.install();
  await install.look();
  expect(install.problems).toEqual([expect.stringMatching(/weir-cni cannot be written: EROFS/)]);
  expect([node.programs(), node.networks()]).toEqual([{}, {}]);
});

test("a note that cannot be read keeps everything as it is, and is named", async () => {
  writeFileSync(join(node.stateDir, "cni-install.json"), "{");
  const install = node.install();
  await install.look();
  expect(install.problems).toEqual([expect.stringContaining(join(node.stateDir, "cni-install.json"))]);
  expect(uninstall(node.stateDir).problems).toEqual([expect.stringContaining("cni-install.json")]);
  expect(node.programs()).toEqual({});
});
