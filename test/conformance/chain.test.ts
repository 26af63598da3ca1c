import { expect, test } from "vitest";
import { Traffic } from "#agent/local/traffic.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";
import { addRecorder, addressOf, behindBridge, makeContainer, runtimeOf, weirPlugin } from "./containers.ts";
import { expectFailure } from "./expect-error.ts";
import { expectState, nodeState } from "./node-state.ts";
import { versions } from "./result-schema.ts";

const node = useNode({
  objects: { "closed.yaml": networkPolicy({ name: "closed", selects: { app: "closed" }, ingress: [] }) },
});
usePods(node, ["client"]);

prepare(async () => void addRecorder(node(), "first"));

test("cni-26, cni-89: behind a bridge the plugin guards its interface, and passes the result on as it came", async () => {
  for (const cniVersion of versions.filter((version) => version !== "1.1.0")) {
    const without = runtimeOf(node(), { cniVersion, name: "plain", plugins: behindBridge(node()).slice(0, 1) });
    const chained = runtimeOf(node(), { cniVersion, name: "chained", plugins: behindBridge(node()) });
    using reference = makeContainer(node(), "client");
    using open = makeContainer(node(), "open");
    using closed = makeContainer(node(), "closed");
    const plain = await without.add(reference);
    const result = await chained.add(open);
    const silent = await chained.add(closed);
    // Equal but for what differs from container to container.
    const shape = (text: string) =>
      text.replace(/veth\w+|10\.99\.0\.\d+\/24|([0-9a-f]{2}:){5}[0-9a-f]{2}|\/run\/netns\/[\w.-]+/g, "X");
    expect(shape(JSON.stringify(result))).toBe(shape(JSON.stringify(plain)));
    expect((await node().client.endpoints()).map(({ ipv4 }) => ipv4)).toContain(addressOf(result));
    await using traffic = new Traffic(reference.namespace, (pid) => node().lab.track(pid));
    await expectTraffic(traffic, addressOf(result), 80, "refused");
    await expectTraffic(traffic, addressOf(silent), 80, "silent");
    if (cniVersion !== "0.3.0" && cniVersion !== "0.3.1") await chained.check(open);
    for (const runtime of [chained, without]) await runtime.deleteAll();
  }
});

test("cni-30, cni-37: DEL of a list takes our part away and leaves the others theirs", async () => {
  const runtime = runtimeOf(node(), { cniVersion: "1.0.0", name: "chained", plugins: behindBridge(node()) });
  using earlier = makeContainer(node(), "client");
  await runtime.add(earlier);
  const before = await nodeState(node());
  using container = makeContainer(node(), "client");
  await runtime.add(container);
  await runtime.delete(container);
  await expectState(node(), before, "DEL of a list");
  await runtime.check(earlier);
  await runtime.deleteAll();
});

test("cni-27: behind another plugin its interface is needed, and prevResult has to name it", async () => {
  const runtime = runtimeOf(node(), { plugins: [{ type: "first" }, weirPlugin(node())] });
  using container = makeContainer(node(), "client");
  const { msg } = await expectFailure(runtime.add(container), 7);
  expect(msg).toContain("prevResult");
  await runtime.deleteAll();
});
