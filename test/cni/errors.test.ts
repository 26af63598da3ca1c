import { writeFileSync } from "node:fs";
import { beforeEach, expect, test } from "vitest";

import { needs } from "#test/support/requirement.ts";

import { type PluginResult, TestContainer, TestNode } from "./node.ts";

beforeEach(needs("root", "namespaces"));

/** One call for each way to get an error, and what is printed. */
const cases: readonly {
  name: string;
  call: (node: TestNode, container: TestContainer) => Promise<PluginResult>;
  code: number;
  says: string | RegExp;
}[] = [
  {
    name: "code 1: a version that nobody speaks",
    call: (node, container) => node.plugin(container.env("ADD"), { cniVersion: "0.2.0" }),
    code: 1,
    says: 'cniVersion "0.2.0" is not supported',
  },
  {
    name: "code 1: no version",
    call: (node, container) => node.plugin(container.env("ADD"), "{}"),
    code: 1,
    says: "cniVersion is missing",
  },
  {
    name: "cni-93 code 2: a field that is not supported, with its value",
    call: (node, container) => node.plugin(container.env("ADD"), { ipam: { type: "host-local" } }),
    code: 2,
    says: 'ipam.type: "host-local"',
  },
  {
    name: "cni-94 code 4: every variable that is missing",
    call: (node) => node.plugin({ CNI_COMMAND: "ADD", CNI_NETNS: "" }),
    code: 4,
    says: "required environment variables are missing: CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME",
  },
  {
    name: "cni-18 cni-19 code 4: every variable that is wrong",
    call: (node, container) => node.plugin(container.env("ADD", { CNI_CONTAINERID: "a/b", CNI_IFNAME: "a b" })),
    code: 4,
    says: /CNI_CONTAINERID "a\/b".*CNI_IFNAME "a b"/,
  },
  {
    name: "code 4: a command that there is not",
    call: (node, container) => node.plugin(container.env("UPDATE")),
    code: 4,
    says: 'CNI_COMMAND: "UPDATE"',
  },
  {
    name: "code 4: a namespace that there is not",
    call: (node, container) => node.plugin(container.env("ADD", { CNI_NETNS: "/run/netns/weir-none" })),
    code: 4,
    says: /CNI_NETNS "\/run\/netns\/weir-none" cannot be opened/,
  },
  {
    name: "code 4: a namespace that is none",
    call: (node, container) => node.plugin(container.env("ADD", { CNI_NETNS: "/dev/null" })),
    code: 4,
    says: 'CNI_NETNS "/dev/null" cannot be entered',
  },
  {
    name: "cni-8 code 8: the node's own namespace",
    call: (node, container) => node.plugin(container.env("ADD", { CNI_NETNS: node.netns.path })),
    code: 8,
    says: "is the network namespace of the node itself",
  },
  {
    name: "code 6: a configuration that is not JSON",
    call: (node, container) => node.plugin(container.env("ADD"), "{"),
    code: 6,
    says: "decode network configuration",
  },
  {
    name: "cni-1 code 7: a name with a slash",
    call: (node, container) => node.plugin(container.env("ADD"), { name: "a/b" }),
    code: 7,
    says: 'name: "a/b" is not',
  },
  {
    name: "code 7: a prevResult, since the plugin makes interfaces of its own",
    call: (node, container) => node.plugin(container.env("ADD"), { prevResult: { cniVersion: "1.1.0" } }),
    code: 7,
    says: "must be first in its list",
  },
  {
    name: "code 7: what the agent finds wrong with the request",
    call: (node, container) => {
      node.agent.refuse = {
        create: { status: 400, code: "bad-request", message: "mtu 9000 is more than the device's" },
      };
      return node.plugin(container.env("ADD"));
    },
    code: 7,
    says: "mtu 9000 is more than the device's",
  },
  {
    name: "code 11: no address is free",
    call: (node, container) => {
      node.agent.refuse = {
        create: { status: 503, code: "pool-exhausted", message: "10.88.0.0/24 has no free address" },
      };
      return node.plugin(container.env("ADD"));
    },
    code: 11,
    says: "10.88.0.0/24 has no free address",
  },
  {
    name: "code 100: any other refusal",
    call: (node, container) => {
      node.agent.refuse = { create: { status: 409, code: "exists", message: "attachment exists" } };
      return node.plugin(container.env("ADD"));
    },
    code: 100,
    says: "reserve addresses: attachment exists",
  },
  {
    name: "code 50: the agent is not ready",
    call: (node) => {
      node.agent.status = { ready: false, limited: false, problems: ["pool 10.88.0.0/24 is exhausted"] };
      return node.plugin({ CNI_COMMAND: "STATUS" });
    },
    code: 50,
    says: "pool 10.88.0.0/24 is exhausted",
  },
  {
    name: "code 51: containers may be limited",
    call: (node) => {
      node.agent.status = { ready: true, limited: true, problems: ["program of weir01 is missing"] };
      return node.plugin({ CNI_COMMAND: "STATUS" });
    },
    code: 51,
    says: "program of weir01 is missing",
  },
];

test.for(cases)("$name", async ({ call, code, says }) => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  const { exitCode, json } = await call(node, container);
  expect(exitCode).toBe(1);
  expect(json?.code).toBe(code);
  if (typeof says === "string") expect(json?.msg).toContain(says);
  else expect(json?.msg).toMatch(says);
  expect(container.links()).toEqual([]);
  expect(node.links()).toEqual([]);
  expect(node.agent.attachments.size).toBe(0);
});

test("code 5: stdin that cannot be read", async () => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  const { exitCode, json } = await node.pluginOnFolder(container.env("ADD"));
  expect(exitCode).toBe(1);
  expect(json).toMatchObject({ code: 5, msg: expect.stringContaining("read network configuration from stdin") });
});

test("code 11: ADD and CHECK without an agent; code 50: STATUS", async () => {
  await using node = new TestNode();
  using container = new TestContainer();
  const add = await node.plugin(container.env("ADD"));
  expect(add.json).toMatchObject({ code: 11, msg: expect.stringContaining(`${node.runDir}/agent.sock`) });
  expect(container.links()).toEqual([]);
  expect(node.deleteRequests()).toEqual([]);
  const interfaces = [{ name: "eth0", sandbox: container.netns.path }];
  const check = await node.plugin(container.env("CHECK"), { prevResult: { interfaces } });
  expect(check.json?.code).toBe(11);
  const status = await node.plugin({ CNI_COMMAND: "STATUS" });
  expect(status.json?.code).toBe(50);
});

test("code 11: a socket file that nobody listens on", async () => {
  await using node = new TestNode();
  writeFileSync(`${node.runDir}/agent.sock`, "");
  using container = new TestContainer();
  expect((await node.plugin(container.env("ADD"))).json?.code).toBe(11);
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
