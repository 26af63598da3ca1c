import { expect, test } from "vitest";
import { prepare, useNode } from "#test/support/use-node.ts";
import { type Container, makeContainer, runtimeOf } from "./containers.ts";
import { expectError, expectSilence } from "./expect-error.ts";
import { expectState, type NodeState, nodeState } from "./node-state.ts";
import type { Runtime } from "./runtime.ts";

const node = useNode();
let runtime: Runtime;
let container: Container;
let before: NodeState;

prepare(async () => {
  runtime = runtimeOf(node());
  container = makeContainer(node(), "pod");
  before = await nodeState(node());
});

const needed = {
  ADD: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
  DEL: ["CNI_CONTAINERID", "CNI_IFNAME"],
  CHECK: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
  GC: ["CNI_PATH"],
} as const;

/** Calls with the variables as they should be, but for some; null: not set at all. */
async function callWith(verb: string, changes: Readonly<Record<string, string | null>>) {
  const variables = Object.entries({ ...runtime.variables(container), ...changes });
  const set = variables.filter((entry): entry is [string, string] => entry[1] !== null);
  const config = { ...runtime.config(container), "cni.dev/valid-attachments": [] };
  return runtime.call(verb, "weir-cni", Object.fromEntries(set), config);
}

const all = ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"];
const without = (names: readonly string[], value: string | null) =>
  Object.fromEntries(names.map((name) => [name, value]));

for (const [verb, names] of Object.entries(needed)) {
  test(`cni-29, cni-35, cni-47, gc-60, cni-94, code-4: ${verb} names every variable that it misses, in one error`, async () => {
    for (const value of [null, ""]) {
      const { msg } = expectError(await callWith(verb, without(all, value)), 4);
      expect(all.filter((name) => msg.includes(name))).toEqual(names);
    }
    for (const name of names) {
      const { msg } = expectError(await callWith(verb, without([name], null)), 4);
      expect(all.filter((other) => msg.includes(other))).toEqual([name]);
    }
  });
}

test("cni-35: DEL does without the namespace, the arguments and the path", async () => {
  expectSilence(await callWith("DEL", without(["CNI_NETNS", "CNI_ARGS", "CNI_PATH"], null)));
});

test("cni-18: a container id that does not begin with a letter or digit, or has anything but these, _ . and - is refused", async () => {
  for (const id of ["-a", ".", "_x", "a/b", "a b", "a\nb", "ü", "a;b", "../a", "a".repeat(5000)]) {
    for (const verb of ["ADD", "DEL", "CHECK"]) {
      expect(expectError(await callWith(verb, { CNI_CONTAINERID: id }), 4).msg).toContain("CNI_CONTAINERID");
    }
  }
});

test("cni-19: a name that no interface can have is refused, as are those that lead elsewhere", async () => {
  for (const name of ["sixteen-letters-", ".", "..", "a/b", "a:b", "a b", "a\tb", "a\nb"]) {
    for (const verb of ["ADD", "DEL", "CHECK"]) {
      expect(expectError(await callWith(verb, { CNI_IFNAME: name }), 4).msg).toContain("CNI_IFNAME");
    }
  }
});

test("cni-20: arguments that are no pairs are refused, and unknown ones unless they are to be ignored", async () => {
  for (const args of ["K8S_POD_NAME", "=x", "COLOUR=red", "IgnoreUnknown=0;COLOUR=red", "IgnoreUnknown=perhaps"]) {
    expect(expectError(await callWith("ADD", { CNI_ARGS: args }), 4).msg).toContain("CNI_ARGS");
  }
  for (const args of ["", "IgnoreUnknown=1;COLOUR=red", "COLOUR=red;IgnoreUnknown=true", "K8S_POD_NAME=x;"]) {
    expectSilence(await callWith("DEL", { CNI_ARGS: args }));
  }
});

test("cni-94: whatever is missing or malformed is told in one error", async () => {
  const changes = { CNI_CONTAINERID: "-", CNI_NETNS: null, CNI_IFNAME: "a/b", CNI_ARGS: "novalue" };
  const { msg } = expectError(await callWith("ADD", changes), 4);
  for (const name of Object.keys(changes)) expect(msg).toContain(name);
  const relative = { CNI_NETNS: "run/netns/x", CNI_IFNAME: "..", CNI_CONTAINERID: "a b" };
  for (const name of Object.keys(relative))
    expect(expectError(await callWith("CHECK", relative), 4).msg).toContain(name);
});

test("code-4: a verb that is none is refused", async () => {
  for (const verb of ["add", "ADDS", "UPDATE", "ADD ", "-h"]) {
    expect(expectError(await callWith(verb, {}), 4).msg).toContain("CNI_COMMAND");
  }
});

test("cni-22: without a verb the plugin says on stderr what it is, and that is no failure", async () => {
  const reply = await callWith("", without(all, null));
  expect(reply).toMatchObject({ exitCode: 0, output: null });
  expect(reply.stderr).toMatch(/CNI plugin.*1\.1\.0/);
});

test("nothing of what was refused left a trace", async () => {
  await expectState(node(), before, "calls with a bad environment");
});
