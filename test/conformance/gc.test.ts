import { expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import { targetOf } from "#test/support/expect-traffic.ts";
import { sized } from "#test/support/size.ts";
import { goesOn } from "#test/support/stream.ts";
import { Traffic } from "#agent/local/traffic.ts";
import { useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";
import { addressOf, type Container, makeContainer, runtimeOf } from "./containers.ts";
import { expectError, expectSilence } from "./expect-error.ts";
import { expectState, nodeState } from "./node-state.ts";

const node = useNode();
const pods = usePods(node, ["client"]);

/** How many of the containers that stay have a stream of packets; each needs a process. */
const streams = sized({ short: 3, long: 30 });

test("gc-55, gc-56, gc-57: GC releases what is stale, to the last trace, and what is valid loses no packet", async () => {
  const runtime = runtimeOf(node());
  const valid: Container[] = [];
  const stale: Container[] = [];
  for (let i = 0; i < 30; i += 1) {
    const container = makeContainer(node(), "client");
    await runtime.add(container);
    valid.push(container);
  }
  const before = await nodeState(node());
  for (let i = 0; i < 20; i += 1) {
    const container = makeContainer(node(), "client");
    await runtime.add(container);
    stale.push(container);
  }
  await using stack = new AsyncDisposableStack();
  const running = [];
  for (const container of valid.slice(0, streams)) {
    const server = stack.use(new Traffic(container.namespace, (pid) => node().lab.track(pid)));
    await server.serve("UDP", 80);
    const result = runtime.result(container);
    running.push(await pods.client.traffic.stream(targetOf(result ? addressOf(result) : "", 80, "UDP")));
  }
  for (const stream of running) await goesOn(stream);
  // Half of the stale ones' namespaces are gone already.
  for (const container of stale.slice(0, 10)) container[Symbol.dispose]();
  await runtime.gc(valid);
  await expectState(node(), before, "GC");
  for (const stream of running) {
    await goesOn(stream);
    expect((await stream.stop()).lost).toEqual([]);
  }
  for (const container of valid) await runtime.check(container);
  // The runtime deletes what is stale all the same.
  await runtime.deleteAll();
});

test("gc-55: GC of one network lets the attachments of another be", async () => {
  const one = runtimeOf(node(), { name: "one" });
  const other = runtimeOf(node(), { name: "other" });
  using first = makeContainer(node(), "client");
  using second = makeContainer(node(), "client");
  await one.add(first);
  await other.add(second);
  await one.gc([]);
  expect((await node().client.endpoints()).map(({ containerId }) => containerId)).not.toContain(first.containerId);
  await other.check(second);
  for (const runtime of [one, other]) await runtime.deleteAll();
});

test("gc-55: an interface is valid by its container and its name together", async () => {
  const runtime = runtimeOf(node());
  using first = makeContainer(node(), "client");
  const second = { ...first, ifName: "net1" };
  for (const attachment of [first, second]) await runtime.add(attachment);
  await runtime.gc([second]);
  await runtime.check(second);
  await until("the other to be gone", async () =>
    (await node().client.endpoints()).every(
      ({ containerId, ifName }) => containerId !== first.containerId || ifName === "net1",
    ),
  );
  await runtime.deleteAll();
});

test("gc-60: GC without the list of what is valid is refused, and removes nothing", async () => {
  const runtime = runtimeOf(node());
  using container = makeContainer(node(), "client");
  await runtime.add(container);
  const { CNI_PATH = "" } = runtime.variables(container);
  expectError(await runtime.call("GC", "weir-cni", { CNI_PATH }, runtime.config(container)), 7);
  const malformed = { ...runtime.config(container), "cni.dev/valid-attachments": [{ containerID: 7 }] };
  expectError(await runtime.call("GC", "weir-cni", { CNI_PATH }, malformed), 7);
  await runtime.check(container);
  const all = { ...runtime.config(container), "cni.dev/valid-attachments": [] };
  expectSilence(await runtime.call("GC", "weir-cni", { CNI_PATH }, all));
  await runtime.deleteAll();
});

test("cni-3: a network without GC is not collected", async () => {
  const runtime = runtimeOf(node(), { disableGC: true });
  using container = makeContainer(node(), "client");
  await runtime.add(container);
  await runtime.gc([]);
  await runtime.check(container);
  await runtime.deleteAll();
});
