import { beforeEach, expect, test } from "vitest";

import { needs } from "#test/support/requirement.ts";

import { TestContainer, TestNode } from "./node.ts";

beforeEach(needs("root", "namespaces"));

test("an ADD whose activation fails leaves no interface and gives the addresses back", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  node.agent.refuse = { activate: { status: 503, code: "busy", message: "programs are being replaced" } };
  const { exitCode, json } = await node.plugin(container.env("ADD"));
  expect(exitCode).toBe(1);
  expect(json).toEqual({
    cniVersion: "1.1.0",
    code: 11,
    msg: "activate endpoint: programs are being replaced",
    details: "agent: 503 busy",
  });
  expect(container.links()).toEqual([]);
  expect(node.links()).toEqual([]);
  expect(node.agent.attachments.size).toBe(0);
});

test("an ADD whose interface cannot be made gives the addresses back", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  const first = await node.plugin(container.env("ADD"));
  node.agent.removes = false;
  // The host side's name is taken: by a container whose namespace another path leads to.
  container.netns.run("ip", "link", "set", "eth0", "name", "other");
  const { json } = await node.plugin(container.env("ADD"));
  expect(first.exitCode).toBe(0);
  expect(json).toMatchObject({ code: 102, msg: expect.stringMatching(/create veth weir.*EEXIST/) });
  expect(container.links()).toEqual(["other"]);
  expect(node.agent.released).toHaveLength(1);
});

test("an agent that dies during ADD finds a delete request when it starts", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  const { agent } = node;
  const stopped = new Promise<void>((resolve) => {
    agent.onActivate = () => resolve(node.stopAgent());
  });
  const { json } = await node.plugin(container.env("ADD"));
  await stopped;
  expect(json?.code).toBe(11);
  expect(container.links()).toEqual([]);
  expect(node.links()).toEqual([]);
  expect(node.deleteRequests()).toEqual([expect.objectContaining({ containerId: container.id, ifName: "eth0" })]);
});

test("cni-27 an interface of that name in the container is an error, and stays", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  container.netns.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1");
  const { json } = await node.plugin(container.env("ADD"));
  expect(json).toMatchObject({ code: 101, msg: `interface eth0 exists already in ${container.netns.path}` });
  expect(container.links().toSorted()).toEqual(["eth0", "eth1"]);
  expect(node.agent.requests).toEqual([]);
});

test("cni-28 a second ADD without a DEL is an error, and the first stays", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  await node.plugin(container.env("ADD"));
  const { json } = await node.plugin(container.env("ADD"));
  expect(json?.code).toBe(101);
  expect(container.links()).toEqual(["eth0"]);
  expect(node.agent.attachments.size).toBe(1);
});
