import { expect, test } from "vitest";
import { mustRun } from "#agent/local/command.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";
import { makeContainer, runtimeOf } from "./containers.ts";
import { expectSilence } from "./expect-error.ts";
import { expectState, type NodeState, nodeState } from "./node-state.ts";
import type { Attachment, Runtime } from "./runtime.ts";

const node = useNode();
// Stays: so identity and compiled policy, which all have in common, stay as well.
usePods(node, ["pod"]);
let runtime: Runtime;
let before: NodeState;

prepare(async () => {
  runtime = runtimeOf(node());
  using container = makeContainer(node(), "pod");
  await runtime.add(container);
  await runtime.delete(container);
  before = await nodeState(node());
});

const rawDelete = async (attachment: Attachment, prevResult?: object) =>
  runtime.call("DEL", "weir-cni", runtime.variables(attachment), runtime.config(attachment, prevResult));

test("cni-30: DEL takes the interface away, and all that ADD had made for it", async () => {
  using container = makeContainer(node(), "pod");
  await runtime.add(container);
  await runtime.delete(container);
  expect(await mustRun(container.namespace.enter(["ip", "-o", "link"]))).not.toContain("eth0");
  await expectState(node(), before, "DEL");
});

test("cni-32: DEL needs no result of ADD, and no sensible one", async () => {
  for (const prevResult of [undefined, {}, { cniVersion: "1.1.0", interfaces: [], ips: [] }]) {
    using container = makeContainer(node(), "pod");
    await runtime.add(container);
    expectSilence(await rawDelete(container, prevResult));
    await runtime.delete(container);
    await expectState(node(), before, "DEL without a result");
  }
});

test("cni-34: DEL succeeds as often as it is called, and for what never was", async () => {
  using container = makeContainer(node(), "pod");
  expectSilence(await rawDelete(container));
  await runtime.add(container);
  for (let time = 0; time < 3; time += 1) expectSilence(await rawDelete(container));
  await runtime.delete(container);
  await expectState(node(), before, "several DELs");
});

test("cni-33: DEL succeeds when interface, namespace or record is gone, and leaves nothing", async () => {
  const losses: Record<string, (container: ReturnType<typeof makeContainer>, host: string) => Promise<unknown>> = {
    "the container's end": async ({ namespace }) => mustRun(namespace.enter(["ip", "link", "delete", "eth0"])),
    "the host's end": async (_, host) => mustRun(node().namespace.enter(["ip", "link", "delete", host])),
    "the namespace": async (container) => container[Symbol.dispose](),
    "its routes": async (_, host) => mustRun(node().namespace.enter(["ip", "route", "flush", "dev", host])),
  };
  for (const [what, lose] of Object.entries(losses)) {
    using container = makeContainer(node(), "pod");
    const { interfaces = [] } = await runtime.add(container);
    await lose(container, interfaces[0]?.name ?? "");
    await runtime.delete(container);
    expectSilence(await rawDelete({ ...container, netns: "" }));
    await expectState(node(), before, `DEL without ${what}`);
  }
});

test("cni-33: DEL without an agent is made good when there is one again, also after the namespace went", async () => {
  using gone = makeContainer(node(), "pod");
  using staying = makeContainer(node(), "pod");
  for (const container of [gone, staying]) await runtime.add(container);
  await node().agent.kill();
  gone[Symbol.dispose]();
  await runtime.delete(gone);
  expectSilence(await rawDelete({ ...gone, netns: "" }));
  await runtime.delete(staying);
  expect(await mustRun(staying.namespace.enter(["ip", "-o", "link"]))).not.toContain("eth0");
  await node().startAgent();
  await expectState(node(), before, "the agent's return");
});
