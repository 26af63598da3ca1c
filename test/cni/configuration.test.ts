import { beforeEach, expect, test } from "vitest";

import { needs } from "#test/support/requirement.ts";

import { TestContainer, TestNode } from "./node.ts";

beforeEach(needs("root", "namespaces"));

const versions = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
const least = { cniVersion: "1.0.0", name: "weir" };

test.for([
  ["{", "1.1.0", 6, "decode network configuration: "],
  ['{"cniVersion":"0.4.0"', "1.1.0", 6, "decode network configuration: "],
  ["", "1.1.0", 6, "decode network configuration: "],
  ["[]", "1.1.0", 6, "decode network configuration: it is not an object"],
  ["{}", "1.1.0", 1, "cniVersion is missing from the network configuration"],
  [{ ...least, cniVersion: 1 }, "1.1.0", 1, "cniVersion is not supported: it is no text; supported versions: 0.3.0"],
  [{ ...least, cniVersion: "0.2.0" }, "1.1.0", 1, 'cniVersion "0.2.0" is not supported'],
  [{ cniVersion: "1.0.0" }, "1.0.0", 7, "invalid network configuration: name is missing, must be"],
  [{ ...least, name: "-a" }, "1.0.0", 7, 'invalid network configuration: name: "-a" is not'],
  [{ ...least, name: "a/b" }, "1.0.0", 7, 'invalid network configuration: name: "a/b" is not'],
  [{ ...least, name: `a${"é".repeat(200)}` }, "1.0.0", 7, 'invalid network configuration: name: "a\\u00E9'],
  [{ ...least, type: "../x" }, "1.0.0", 7, 'invalid network configuration: type: "../x" is not a name without slashes'],
  [{ ...least, ipam: { type: "a/b" } }, "1.0.0", 7, 'invalid network configuration: ipam.type: "a/b" is not a name'],
  [{ ...least, ipam: { type: ".." } }, "1.0.0", 7, 'invalid network configuration: ipam.type: ".." is not a name'],
  [{ ...least, plugins: [{ type: "weir-cni" }] }, "1.0.0", 7, "type is missing; this is a list (it has plugins)"],
  [{ ...least, ipam: [] }, "1.0.0", 7, "invalid network configuration: ipam: [] is not an object"],
  [{ ...least, runDir: "run" }, "1.0.0", 7, 'invalid network configuration: runDir: "run" is not an absolute path'],
  [{ ...least, logFile: 1 }, "1.0.0", 7, "invalid network configuration: logFile: 1 is not an absolute path"],
  [{ ...least, logLevel: "loud" }, "1.0.0", 7, 'invalid network configuration: logLevel: "loud" is not one of debug'],
] as const)("%j is refused", async ([input, cniVersion, code, message]) => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  const { exitCode, json } = await node.plugin(
    container.env("ADD"),
    typeof input === "string" ? input : JSON.stringify(input),
  );
  expect(exitCode).toBe(1);
  expect(json).toMatchObject({ cniVersion, code, msg: expect.stringContaining(message) });
  expect(node.agent.calls).toEqual([]);
});

test("what is null counts as absent, as some runtimes write it", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  const fields = { type: null, ipam: null, logFile: null, logLevel: null };
  expect((await node.plugin(container.env("ADD"), fields)).exitCode).toBe(0);
});

test("code 5: stdin that cannot be read", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  const { exitCode, json } = await node.pluginOnFolder(container.env("ADD"));
  expect(exitCode).toBe(1);
  expect(json).toMatchObject({ code: 5, msg: expect.stringContaining("read network configuration from stdin") });
});

test("cni-16 the configuration goes to the agent as it came, fields of others included, up to a megabyte and more", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  const config = {
    ...least,
    runDir: node.runDir,
    other: { deep: [1.5, "ä\u0001\u2028", null] },
    large: "x".repeat(3 << 20),
  };
  const { exitCode } = await node.plugin(container.env("ADD"), JSON.stringify(config));
  expect(exitCode).toBe(0);
  expect(node.agent.calls[0]?.config).toEqual(config);
});

test.for(["CHECK", "STATUS", "GC"])("cni-43 %s is code 1 in versions that do not have it", async (command) => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  const since = command === "CHECK" ? "0.4.0" : "1.1.0";
  for (const cniVersion of versions) {
    const { exitCode, json } = await node.plugin(container.env(command), { cniVersion });
    if (cniVersion >= since) expect({ exitCode, json }).toEqual({ exitCode: 0, json: undefined });
    else {
      const msg = expect.stringContaining(
        `cniVersion ${cniVersion} does not have ${command}, which came with ${since}`,
      );
      expect(json).toMatchObject({ cniVersion, code: 1, msg });
    }
  }
});

test.for(versions)(
  "cni-54 VERSION says which versions there are, under the one that was asked in: %s",
  async (cniVersion) => {
    await using node = new TestNode();
    const { exitCode, json } = await node.plugin({ CNI_COMMAND: "VERSION" }, JSON.stringify({ cniVersion }));
    expect(exitCode).toBe(0);
    expect(json).toEqual({ cniVersion, supportedVersions: versions });
  },
);

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
