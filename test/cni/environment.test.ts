import { beforeEach, describe, expect, test } from "vitest";

import { needs } from "#test/support/requirement.ts";

import { TestContainer, TestNode } from "./node.ts";

beforeEach(needs("root", "namespaces"));

const containerVariables = ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"];

describe("cni-29 cni-35 cni-47 each command's variables", () => {
  test.for([
    ["ADD", containerVariables],
    ["DEL", ["CNI_CONTAINERID", "CNI_IFNAME"]],
    ["CHECK", containerVariables],
    ["GC", ["CNI_PATH"]],
  ] as const)("cni-94 %s names all that are missing in one error", async ([command, names]) => {
    await using node = await TestNode.start();
    const { exitCode, json } = await node.plugin({ CNI_COMMAND: command });
    expect(exitCode).toBe(1);
    expect(json).toEqual({
      cniVersion: "1.1.0",
      code: 4,
      msg: `required environment variables are missing: ${names.join(", ")}`,
    });
    expect(node.agent.calls).toEqual([]);
  });

  test("STATUS needs none", async () => {
    await using node = await TestNode.start();
    expect(await node.plugin({ CNI_COMMAND: "STATUS" })).toMatchObject({ exitCode: 0, stdout: "" });
  });
});

test.for(["add", "ADD ", "UPDATE"])("%j is no command", async (command) => {
  await using node = await TestNode.start();
  const { json } = await node.plugin({ CNI_COMMAND: command });
  expect(json).toMatchObject({ code: 4, msg: `CNI_COMMAND: "${command}" is not a command that weir-cni knows` });
});

/** The error of an ADD with other variables; undefined: there was none. */
async function complaint(change: Readonly<Record<string, string>>): Promise<string | undefined> {
  await using node = await TestNode.start();
  using container = new TestContainer();
  const { json } = await node.plugin(container.env("ADD", change));
  return json?.msg === undefined ? undefined : `${json.code} ${json.msg}`;
}

test.for(["a", "A9", "0", "a_b.c-d", "x".repeat(253)])("cni-18 %j is a container id", async (id) => {
  expect(await complaint({ CNI_CONTAINERID: id })).toBeUndefined();
});

test.for(["_a", "-a", ".a", "a/b", "a b", "a\n", "ä", "x".repeat(254)])("cni-18 %j is no container id", async (id) => {
  expect(await complaint({ CNI_CONTAINERID: id })).toContain("4 invalid environment variables: CNI_CONTAINERID");
});

test.for(["eth0", "a", "net-1_2.3@4", "123456789012345"])("cni-19 %j is a name of an interface", async (name) => {
  expect(await complaint({ CNI_IFNAME: name })).toBeUndefined();
});

test.for(["1234567890123456", "ääääääää", ".", "..", "a/b", "a:b", "a b", "a\tb"])(
  "cni-19 %j is no name of an interface",
  async (name) => {
    expect(await complaint({ CNI_IFNAME: name })).toContain("CNI_IFNAME");
  },
);

test("cni-94 all that is wrong is told at once", async () => {
  const all = { CNI_CONTAINERID: "/", CNI_NETNS: "x", CNI_IFNAME: "..", CNI_ARGS: "a" };
  expect(await complaint(all)).toMatch(/CNI_CONTAINERID.*CNI_IFNAME.*CNI_NETNS.*CNI_ARGS/);
  expect(await complaint({ ...all, CNI_IFNAME: "" })).toMatch(/missing: CNI_IFNAME; .*CNI_CONTAINERID.*CNI_NETNS/);
});

test.for([
  ["", {}],
  ["IgnoreUnknown=1", {}],
  ["IgnoreUnknown=true;Foo=a=b;K8S_POD_NAME=web-1", { K8S_POD_NAME: "web-1" }],
  ["K8S_POD_NAMESPACE=shop;K8S_POD_UID=;", { K8S_POD_NAMESPACE: "shop", K8S_POD_UID: "" }],
] as const)("cni-20 CNI_ARGS %j", async ([CNI_ARGS, args]) => {
  await using node = await TestNode.start();
  using container = new TestContainer();
  await node.plugin(container.env("ADD", { CNI_ARGS }));
  expect(node.agent.calls).toEqual([expect.objectContaining({ args })]);
});

test.for([
  ["Foo=1", 'CNI_ARGS has the unknown keys "Foo"'],
  ["IgnoreUnknown=0;Foo=1;Bar=2", 'CNI_ARGS has the unknown keys "Foo", "Bar"'],
  ["K8S_POD_NAME", 'CNI_ARGS "K8S_POD_NAME" is not KEY=VALUE'],
  ["=x", 'CNI_ARGS "=x" is not KEY=VALUE'],
  ["IgnoreUnknown=maybe", 'CNI_ARGS IgnoreUnknown="maybe" is neither true nor false'],
  ["__proto__=x", 'CNI_ARGS has the unknown keys "__proto__"'],
] as const)("cni-20 CNI_ARGS %j is refused", async ([CNI_ARGS, error]) => {
  expect(await complaint({ CNI_ARGS })).toContain(error);
});

describe("the container's network namespace", () => {
  test.for([
    ["there is not", "/run/netns/weir-none", "cannot be opened: No such file or directory"],
    ["is a device", "/dev/null", "is not a network namespace"],
    ["is a folder", "/", "is not a network namespace"],
    ["is a file", "/etc/passwd", "is not a network namespace"],
    ["is a namespace of another kind", "/proc/self/ns/mnt", "is not a network namespace"],
  ] as const)("that %s is refused", async ([, path, message]) => {
    expect(await complaint({ CNI_NETNS: path })).toBe(`4 CNI_NETNS "${path}" ${message}`);
  });

  test("that is a named pipe is refused, and does not keep the plugin waiting", async () => {
    await using node = await TestNode.start();
    using container = new TestContainer();
    const path = node.folder.join("pipe");
    container.netns.run("mkfifo", path);
    const { json } = await node.plugin(container.env("ADD", { CNI_NETNS: path }));
    expect(json?.msg).toBe(`CNI_NETNS "${path}" is not a network namespace`);
  });

  test("that is the node's own is code 8", async () => {
    await using node = await TestNode.start();
    using container = new TestContainer();
    const { json } = await node.plugin(container.env("ADD", { CNI_NETNS: node.netns.path }));
    expect(json).toMatchObject({
      code: 8,
      msg: expect.stringContaining("is the network namespace of the node itself"),
    });
  });

  test("goes to the agent with what tells it from every other", async () => {
    await using node = await TestNode.start();
    using container = new TestContainer();
    await node.plugin(container.env("ADD"));
    const inode = Number(container.netns.run("stat", "-L", "-c", "%i", container.netns.path));
    expect(node.agent.calls[0]).toMatchObject({ netns: container.netns.path, namespace: { inode } });
  });
});

test("cni-20 as many unknown keys as fit into CNI_ARGS need no memory to speak of", async () => {
  expect(await complaint({ CNI_ARGS: `IgnoreUnknown=1;${"a=b;".repeat(31_000)}` })).toBeUndefined();
  expect((await complaint({ CNI_ARGS: "a=b;".repeat(31_000) }))?.length).toBeLessThan(1_200);
});
