import { readFileSync } from "node:fs";
import { beforeEach, expect, test } from "vitest";

import { needs } from "#test/support/requirement.ts";

import { TestContainer, TestNode } from "./node.ts";

beforeEach(needs("root", "namespaces"));

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
    expect.objectContaining({ level: "info", command: "DEL", containerId: container.id, msg: "done" }),
  ]);
});

test("errors go to stderr, too, and stdout stays JSON", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  node.agent.refuse = { create: { status: 503, code: "busy", message: "later" } };
  const { stderr, json } = await node.plugin(container.env("ADD"));
  expect(JSON.parse(stderr)).toMatchObject({ level: "error", msg: "reserve addresses: later", code: 11 });
  expect(json?.code).toBe(11);
});

test("a log file that cannot be written is no reason to fail", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  const { exitCode, stderr } = await node.plugin(container.env("ADD"), { logFile: "/proc/none", logLevel: "info" });
  expect(exitCode).toBe(0);
  expect(stderr).toContain("write log /proc/none");
});
