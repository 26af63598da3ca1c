import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mustRun } from "#agent/local/command.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";
import { addRecorder, addressOf, makeContainer, runtimeOf, weirPlugin } from "./containers.ts";
import { expectFailure } from "./expect-error.ts";
import { loadNetwork } from "./network.ts";
import { expectState, nodeState } from "./node-state.ts";
import { takeRecords } from "./records.ts";
import { versions } from "./result-schema.ts";

const node = useNode({
  objects: { "closed.yaml": networkPolicy({ name: "closed", selects: { app: "closed" }, ingress: [] }) },
});
usePods(node, ["client"]);

let first: string;
let last: string;
prepare(async () => {
  first = addRecorder(node(), "first");
  last = addRecorder(node(), "last");
});

/** Debian's bridge, with addresses of host-local, and then ours. */
const behindBridge = (more: readonly object[] = []) => [
  {
    type: "bridge",
    bridge: "bridge0",
    isGateway: true,
    ipam: {
      type: "host-local",
      dataDir: join(node().folder, "host-local"),
      ranges: [[{ subnet: "10.99.0.0/24" }]],
      routes: [{ dst: "0.0.0.0/0" }],
    },
  },
  weirPlugin(node()),
  ...more,
];

test("cni-26, cni-89: behind a bridge the plugin guards its interface, and passes the result on as it came", async () => {
  for (const cniVersion of versions.filter((version) => version !== "1.1.0")) {
    const without = runtimeOf(node(), { cniVersion, name: "plain", plugins: behindBridge().slice(0, 1) });
    const chained = runtimeOf(node(), { cniVersion, name: "chained", plugins: behindBridge() });
    using reference = makeContainer(node(), "client");
    using open = makeContainer(node(), "open");
    using closed = makeContainer(node(), "closed");
    const plain = await without.add(reference);
    const result = await chained.add(open);
    const silent = await chained.add(closed);
    // Equal but for what differs from container to container.
    const shape = (text: string) => text.replace(/veth\w+|10\.99\.0\.\d+\/24|([0-9a-f]{2}:){5}[0-9a-f]{2}|\/run\/netns\/[\w.-]+/g, "X");
    expect(shape(JSON.stringify(result))).toBe(shape(JSON.stringify(plain)));
    expect((await node().client.endpoints()).map(({ ipv4 }) => ipv4)).toContain(addressOf(result));
    const reaches = async (address: string) => {
      const { promise, resolve } = Promise.withResolvers<string>();
      mustRun(reference.namespace.enter(["bash", "-c", `timeout 1 bash -c 'echo > /dev/tcp/${address}/80' 2>&1 || echo status $?`])).then(resolve, resolve);
      return promise;
    };
    expect(await reaches(addressOf(result))).toContain("refused");
    expect(await reaches(addressOf(silent))).toMatch(/status 124/);
    if (cniVersion !== "0.3.0" && cniVersion !== "0.3.1") await chained.check(open);
    for (const runtime of [chained, without]) await runtime.deleteAll();
  }
});

test("cni-30, cni-37: DEL of a list takes our part away and leaves the others theirs", async () => {
  const runtime = runtimeOf(node(), { cniVersion: "1.0.0", name: "chained", plugins: behindBridge() });
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
  takeRecords(first);
});

test("the runtime's part: order of plugins, prevResult, capabilities and unknown fields (cni-8, cni-31, cni-68 to cni-81)", async () => {
  const recorder = { type: "last", capabilities: { mac: true, ips: false }, "example.com/x": [1] };
  const runtime = runtimeOf(node(), { plugins: [weirPlugin(node()), recorder] });
  using container = makeContainer(node(), "client", { capabilityArgs: { mac: "0a:00:00:00:00:01", ips: ["10.0.0.1"] } });
  const result = await runtime.add(container);
  await runtime.check(container);
  await runtime.status();
  await runtime.gc([container]);
  await runtime.delete(container);
  const records = takeRecords(last);
  expect(records.map(({ command }) => command)).toEqual(["ADD", "CHECK", "STATUS", "GC", "DEL"]);
  for (const { command, config } of records) {
    expect(config).toMatchObject({ cniVersion: "1.1.0", name: "conformance", type: "last", "example.com/x": [1] });
    const about = command !== "STATUS" && command !== "GC";
    expect(config["prevResult"]).toEqual(about ? result : undefined);
    expect(config["runtimeConfig"]).toEqual(about ? { mac: "0a:00:00:00:00:01" } : undefined);
    expect(config).not.toHaveProperty("capabilities");
    const valid = [{ containerID: container.containerId, ifname: "eth0" }];
    expect(config["cni.dev/valid-attachments"]).toEqual(command === "GC" ? valid : undefined);
  }
});

test("cni-4, cni-5, cni-6, cni-7: plugins of the folder with the network's name are added to those of the list", async () => {
  const folder = join(node().folder, "net.d");
  mkdirSync(join(folder, "weir"), { recursive: true });
  const list = { cniVersion: "1.1.0", name: "weir", plugins: [weirPlugin(node())] };
  writeFileSync(join(folder, "weir.conflist"), JSON.stringify(list));
  writeFileSync(join(folder, "weir/last.conf"), JSON.stringify({ type: "last" }));
  expect(loadNetwork(join(folder, "weir.conflist")).plugins.map(({ type }) => type)).toEqual(["weir-cni", "last"]);
  writeFileSync(join(folder, "weir.conflist"), JSON.stringify({ ...list, loadOnlyInlinedPlugins: true }));
  expect(loadNetwork(join(folder, "weir.conflist")).plugins.map(({ type }) => type)).toEqual(["weir-cni"]);
  writeFileSync(join(folder, "weir.conflist"), JSON.stringify({ ...list, name: "a/b" }));
  expect(() => loadNetwork(join(folder, "weir.conflist"))).toThrow(/name/);
});
