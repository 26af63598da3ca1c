import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { beforeEach, expect, test } from "vitest";

import { hostInterfaceName } from "#agent/api/host-interface.ts";
import { needs } from "#test/support/requirement.ts";

import { TestContainer, TestNode } from "./node.ts";

beforeEach(needs("root", "namespaces"));

const busy = { status: 503, code: "busy", message: "256 of its kind are being served" } as const;

test("cni-25 prints what the agent answers, and exits with its code", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  const output = { cniVersion: "1.1.0", ips: [{ address: "10.0.0.2/32" }], number: 12 };
  node.agent.answers.push({ output, exitCode: 0 }, { output: { code: 100, msg: "no" }, exitCode: 1 });
  expect(await node.plugin(container.env("ADD"))).toMatchObject({ exitCode: 0, stderr: "", json: output });
  expect(await node.plugin(container.env("ADD"))).toMatchObject({ exitCode: 1, json: { code: 100, msg: "no" } });
});

test("a call that is made again, because the agent is busy or went away, is known by its token", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  node.agent.refusals.push(busy, "cut");
  expect((await node.plugin(container.env("ADD"))).exitCode).toBe(0);
  expect((await node.plugin(container.env("ADD"))).exitCode).toBe(0);
  const [first, second] = node.agent.calls;
  expect(first?.token).not.toBe(second?.token);
});

test("code 11: ADD, CHECK and GC without an agent; code 50: STATUS", async () => {
  await using node = new TestNode();
  using container = new TestContainer();
  const commands = ["ADD", "CHECK", "GC", "STATUS"];
  const results = await Promise.all(commands.map((command) => node.plugin(container.env(command))));
  expect(results.map(({ json }) => json?.code)).toEqual([11, 11, 11, 50]);
  for (const { json } of results) expect(json?.msg).toContain(`${node.runDir}/cni.sock`);
  expect(node.deleteRequests()).toEqual([]);
});

test("code 11: a socket file that nobody listens on", async () => {
  await using node = new TestNode();
  writeFileSync(`${node.runDir}/cni.sock`, "");
  using container = new TestContainer();
  expect((await node.plugin(container.env("ADD"))).json?.code).toBe(11);
});

test("code 100: an agent that does not understand the call", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  node.agent.refusals.push({ status: 404, code: "unknown-route", message: "serve /v1/cni: there is no such path" });
  const { json } = await node.plugin(container.env("ADD"));
  expect(json).toMatchObject({ code: 100, msg: expect.stringContaining("there is no such path") });
});

test("ADD waits for an agent that starts", async () => {
  await using node = new TestNode();
  using container = new TestContainer();
  // The process lives, as the pid file says, but does not listen yet.
  writeFileSync(`${node.runDir}/agent.pid`, `${process.pid}\n`);
  const adding = node.plugin(container.env("ADD"));
  await node.startAgent();
  expect((await adding).exitCode).toBe(0);
});

test.for(["absent", "busy", "cut"] as const)(
  "cni-33 DEL with an agent that is %s leaves a delete request, once, and takes the interface away",
  async (how) => {
    await using node = how === "absent" ? new TestNode() : await TestNode.start();
    using container = new TestContainer();
    const hostInterface = hostInterfaceName(container.id, "eth0");
    node.netns.run("ip", "link", "add", hostInterface, "type", "veth", "peer", "name", "other");
    const deletion = async () => {
      if (how !== "absent") node.agent.refusals.push(how === "busy" ? busy : "cut");
      return await node.plugin(container.env("DEL"));
    };
    for (let time = 0; time < 2; time++) expect(await deletion()).toMatchObject({ exitCode: 0, stdout: "" });
    expect(node.links()).toEqual([]);
    expect(node.deleteRequests()).toEqual([
      { version: 1, containerId: container.id, ifName: "eth0", kind: "interface", time: expect.any(String) },
    ]);
  },
);

test("code 11: a delete request that cannot be left, since the runtime has to call DEL again", async () => {
  await using node = new TestNode();
  using container = new TestContainer();
  const runDir = "/proc/none";
  const { json } = await node.plugin(container.env("DEL"), { runDir });
  expect(json).toMatchObject({
    code: 11,
    msg: expect.stringContaining("leave delete request for the agent in /proc/none"),
  });
});

/** A plugin that notes how it was called, and says what it is told to. */
function writePlugin(node: TestNode, name: string, says: string, exitCode = 0): string {
  const path = node.folder.join(name);
  const log = node.folder.join(`${name}.log`);
  writeFileSync(
    path,
    `#!/bin/sh\necho "$CNI_COMMAND $CNI_IFNAME $(cat)" >> ${log}\necho '${says}'\nexit ${exitCode}\n`,
  );
  chmodSync(path, 0o755);
  return log;
}

test("cni-83 cni-84 runs an IPAM plugin for the agent, with the whole configuration, and tells what it said", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  const log = writePlugin(node, "static", '{"ips":[]}');
  node.agent.answers.push({ run: { plugin: "static", command: "ADD", state: { step: "done" } } });
  const env = container.env("ADD", { CNI_PATH: `/nowhere:${node.folder.path}` });
  expect((await node.plugin(env, { ipam: { type: "static" } })).exitCode).toBe(0);
  const [first, second] = node.agent.calls;
  expect(second).toMatchObject({
    token: first?.token,
    resume: { state: { step: "done" }, exitCode: 0, output: '{"ips":[]}\n' },
  });
  const [command, ifName, ...input] = readFileSync(log, "utf8").split(" ");
  expect([command, ifName]).toEqual(["ADD", "eth0"]);
  expect(JSON.parse(input.join(" "))).toEqual(first?.config);
});

test("code 104: an IPAM plugin that is not in CNI_PATH", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  node.agent.answers.push({ run: { plugin: "static", command: "ADD", state: null } });
  const { json } = await node.plugin(container.env("ADD", { CNI_PATH: "/nowhere" }), { ipam: { type: "static" } });
  expect(json).toMatchObject({ code: 104, msg: 'run IPAM plugin "static": it is not in CNI_PATH "/nowhere"' });
});

test("cni-85 DEL without an agent still runs the IPAM plugin, whose error is told", async () => {
  await using node = new TestNode();
  using container = new TestContainer();
  const env = container.env("DEL", { CNI_PATH: node.folder.path });
  const log = writePlugin(node, "static", "");
  expect((await node.plugin(env, { ipam: { type: "static" } })).exitCode).toBe(0);
  expect(readFileSync(log, "utf8")).toMatch(/^DEL eth0/);
  writePlugin(node, "static", '{"code":5,"msg":"disk"}', 1);
  expect(await node.plugin(env, { ipam: { type: "static" } })).toMatchObject({ exitCode: 1, json: { code: 5 } });
  expect(node.deleteRequests()).toHaveLength(1);
});

test("DEL without an agent runs no plugin where the addresses are the agent's own, by whatever name", async () => {
  await using node = new TestNode();
  using container = new TestContainer();
  const env = container.env("DEL", { CNI_PATH: "/nowhere" });
  expect(await node.plugin(env, { ipam: { type: "weir-ipam" } })).toMatchObject({ exitCode: 0, stdout: "" });
  expect(node.deleteRequests()).toEqual([expect.objectContaining({ kind: "interface", containerId: container.id })]);
});

test("logs to the file that the configuration names, from the level that it names", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  const logFile = node.folder.join("cni.log");
  const quiet = await node.plugin(container.env("ADD"), { logFile });
  expect(quiet.stderr).toBe("");
  const loud = await node.plugin(container.env("DEL"), { logFile, logLevel: "info" });
  expect(loud.stderr).toBe("");
  const lines = readFileSync(logFile, "utf8").trim().split("\n");
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    expect.objectContaining({ level: "info", command: "DEL", containerId: container.id, msg: "done, exit code 0" }),
  ]);
});

test("errors go to stderr, too, and stdout stays JSON", async () => {
  await using node = new TestNode();
  using container = new TestContainer();
  const { stderr, json } = await node.plugin(container.env("ADD"));
  expect(JSON.parse(stderr)).toMatchObject({ level: "error", msg: expect.stringContaining("(code 11)") });
  expect(json?.code).toBe(11);
});

test("a log file that cannot be written is no reason to fail", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  const { exitCode, stderr } = await node.plugin(container.env("ADD"), { logFile: "/proc/none", logLevel: "info" });
  expect(exitCode).toBe(0);
  expect(stderr).toContain("write log /proc/none");
});

test("under the name weir-ipam its options are in `ipam`, and the agent hears which it is", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  const config = { type: "bridge", runDir: "/nowhere", ipam: { type: "weir-ipam", runDir: node.runDir } };
  expect((await node.plugin(container.env("ADD"), config, "weir-ipam")).exitCode).toBe(0);
  expect(node.agent.calls).toEqual([expect.objectContaining({ plugin: "weir-ipam", netns: container.netns.path })]);
  await node.stopAgent();
  expect((await node.plugin(container.env("DEL"), config, "weir-ipam")).exitCode).toBe(0);
  expect(node.deleteRequests()).toEqual([expect.objectContaining({ kind: "ipam", containerId: container.id })]);
});
