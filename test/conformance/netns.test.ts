import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mustRunNow } from "#agent/local/command.ts";
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

const prevResult = (netns: string) => ({
  cniVersion: "1.1.0",
  interfaces: [{ name: "eth0", sandbox: netns }],
  ips: [{ address: "10.77.0.9/32", interface: 0 }],
});

async function callIn(verb: string, netns: string) {
  const config = runtime.config(container, verb === "ADD" ? undefined : prevResult(netns));
  return runtime.call(verb, "weir-cni", runtime.variables({ ...container, netns }), config);
}

/** Paths that lead to no network namespace, made where they have to be. */
function wrongPaths(): string[] {
  const folder = join(node().folder, "paths");
  mkdirSync(folder);
  writeFileSync(join(folder, "file"), "");
  mustRunNow(["mkfifo", join(folder, "fifo")]);
  const names = ["file", "fifo", "missing", "file/below", "x".repeat(300)].map((name) => join(folder, name));
  return [...names, folder, "/proc/self/ns/uts", "/dev/null", "/dev/zero"];
}

test("code-4: a path that leads to no network namespace is an error of the variable, and never a wait", async () => {
  for (const path of wrongPaths()) {
    for (const verb of ["ADD", "CHECK"]) {
      expect([path, expectError(await callIn(verb, path), 4).msg]).toEqual([
        path,
        expect.stringContaining("CNI_NETNS"),
      ]);
    }
    // cni-33: what is gone is no reason to keep the rest.
    expectSilence(await callIn("DEL", path));
  }
});

test("code-8: the node's own network namespace is nobody's container, by whatever name", async () => {
  for (const path of [node().namespace.path, "/proc/self/ns/net"]) {
    for (const verb of ["ADD", "CHECK"]) expectError(await callIn(verb, path), 8);
    expectSilence(await callIn("DEL", path));
  }
});

test("nothing of what was refused left a trace", async () => {
  await expectState(node(), before, "calls with bad namespaces");
});
