import { beforeEach, describe, expect, test } from "vitest";

import { needs } from "#test/support/requirement.ts";

import { TestContainer, TestNode } from "./node.ts";

beforeEach(needs("root", "namespaces"));

const versions = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

describe.for(versions)("cniVersion %s", (cniVersion) => {
  test("cni-88 ADD answers in that version's shape, and DEL takes its result back", async () => {
    await using node = await TestNode.start();
    using container = new TestContainer();
    const { json } = await node.plugin(container.env("ADD"), { cniVersion });
    const old = cniVersion < "1.0.0";
    const mtu = cniVersion === "1.1.0" ? { mtu: 1450 } : {};
    expect(json).toEqual({
      cniVersion,
      interfaces: [
        { name: expect.stringMatching(/^weir[0-9a-f]{11}$/), mac: "02:00:0a:00:00:01", ...mtu },
        { name: "eth0", mac: "02:00:0a:00:01:01", ...mtu, sandbox: container.netns.path },
      ],
      ips: [
        { ...(old ? { version: "4" } : {}), address: "10.88.0.2/32", gateway: "10.88.0.1", interface: 1 },
        { ...(old ? { version: "6" } : {}), address: "fd88::2/128", gateway: "fd88::1", interface: 1 },
      ],
      routes: [
        { dst: "0.0.0.0/0", gw: "10.88.0.1" },
        { dst: "::/0", gw: "fd88::1" },
      ],
    });
    expect((await node.plugin(container.env("DEL"), { cniVersion, prevResult: json })).exitCode).toBe(0);
    expect(node.links()).toEqual([]);
  });

  test("CHECK works since 0.4.0 and is an incompatible version before", async () => {
    await using node = await TestNode.start();
    using container = new TestContainer();
    const { json: prevResult } = await node.plugin(container.env("ADD"), { cniVersion });
    const { exitCode, json } = await node.plugin(container.env("CHECK"), { cniVersion, prevResult });
    if (cniVersion >= "0.4.0") expect({ exitCode, json }).toEqual({ exitCode: 0, json: undefined });
    else
      expect(json).toMatchObject({
        cniVersion,
        code: 1,
        msg: `cniVersion ${cniVersion} does not have CHECK, which came with 0.4.0`,
      });
  });

  test("STATUS works since 1.1.0 and is an incompatible version before", async () => {
    await using node = await TestNode.start();
    const { exitCode, json } = await node.plugin({ CNI_COMMAND: "STATUS" }, { cniVersion });
    if (cniVersion >= "1.1.0") expect({ exitCode, json }).toEqual({ exitCode: 0, json: undefined });
    else expect(json).toMatchObject({ cniVersion, code: 1 });
  });

  test("cni-54 VERSION says which versions there are, under the one that was asked in", async () => {
    await using node = new TestNode();
    const { exitCode, json } = await node.plugin({ CNI_COMMAND: "VERSION" }, JSON.stringify({ cniVersion }));
    expect(exitCode).toBe(0);
    expect(json).toEqual({ cniVersion, supportedVersions: versions });
  });
});

test.for(["", "not JSON", "null"])("cni-54 VERSION needs nothing of stdin: %j", async (input) => {
  await using node = new TestNode();
  const { exitCode, json } = await node.plugin({ CNI_COMMAND: "VERSION" }, input);
  expect(exitCode).toBe(0);
  expect(json).toEqual({ cniVersion: "1.1.0", supportedVersions: versions });
});

test("without CNI_COMMAND it says on stderr what it is", async () => {
  await using node = new TestNode();
  const { exitCode, stdout, stderr } = await node.plugin({});
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "" });
  expect(stderr).toContain("CNI plugin");
});
