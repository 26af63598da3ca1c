import { beforeEach, expect, test } from "vitest";

import { needs } from "#test/support/requirement.ts";

import { TestContainer, TestNode } from "./node.ts";

beforeEach(needs("root", "namespaces"));

test("cni-30 removes the interface and has the agent release the attachment; prints nothing", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  await node.plugin(container.env("ADD"));
  const { exitCode, stdout, stderr } = await node.plugin(container.env("DEL"));
  expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  expect(container.links()).toEqual([]);
  expect(node.links()).toEqual([]);
  expect(node.agent.attachments.size).toBe(0);
});

test("removes the interface itself where the agent does not", async () => {
  await using node = await TestNode.start();
  node.agent.removes = false;
  using container = new TestContainer();
  await node.plugin(container.env("ADD"));
  expect((await node.plugin(container.env("DEL"))).exitCode).toBe(0);
  expect(container.links()).toEqual([]);
  expect(node.links()).toEqual([]);
});

test("cni-32 cni-34 works without prevResult, twice, and for what was never added", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  using stranger = new TestContainer();
  await node.plugin(container.env("ADD"));
  for (const env of [container.env("DEL"), container.env("DEL"), stranger.env("DEL")]) {
    expect((await node.plugin(env)).exitCode).toBe(0);
  }
});

test("cni-33 cni-35 works when the namespace is gone, and when CNI_NETNS is empty or absent", async () => {
  await using node = await TestNode.start();
  const container = new TestContainer();
  await node.plugin(container.env("ADD"));
  container[Symbol.dispose]();
  expect((await node.plugin(container.env("DEL"))).exitCode).toBe(0);
  expect((await node.plugin(container.env("DEL", { CNI_NETNS: "" }))).exitCode).toBe(0);
  const { CNI_NETNS: _, ...env } = container.env("DEL");
  expect((await node.plugin(env)).exitCode).toBe(0);
  expect(node.agent.attachments.size).toBe(0);
});

test("without an agent the interface goes, and a delete request waits for the agent", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  await node.plugin(container.env("ADD"));
  await node.stopAgent();
  for (let time = 0; time < 2; time++) {
    expect(await node.plugin(container.env("DEL"))).toMatchObject({ exitCode: 0, stdout: "" });
  }
  expect(container.links()).toEqual([]);
  expect(node.links()).toEqual([]);
  expect(node.deleteRequests()).toEqual([{ containerId: container.id, ifName: "eth0", time: expect.any(String) }]);
});

test("a busy agent gets a delete request, too", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  node.agent.refuse = { release: { status: 503, code: "not-ready", message: "state is being read" } };
  expect((await node.plugin(container.env("DEL"))).exitCode).toBe(0);
  expect(node.deleteRequests()).toHaveLength(1);
});

test("cni-23 what the agent refuses for good is told", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  node.agent.refuse = { release: { status: 500, code: "internal", message: "disk full" } };
  await node.plugin(container.env("ADD"));
  const { exitCode, json } = await node.plugin(container.env("DEL"));
  expect(exitCode).toBe(1);
  expect(node.links()).toEqual([]);
  expect(json).toMatchObject({ code: 100, msg: "release endpoint: disk full" });
  expect(node.deleteRequests()).toEqual([]);
});
