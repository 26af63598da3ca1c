import { rmSync } from "node:fs";
import { join } from "node:path";
import { BpfMap, MapHandle, MapOfMaps, u32 } from "libbpf-ts";
import { expect, test } from "vitest";
import type { Trace } from "#agent/api/trace-views.ts";
import { policyEntry, policyKey } from "#agent/datapath/layouts.gen.ts";
import { until } from "#agent/local/until.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode({
  objects: {
    "server.yaml": networkPolicy({ name: "server", selects: { app: "server" }, ingress: [{ from: [app("client")] }] }),
  },
});
const pods = usePods(node, ["server", "client"]);

const ask = ["trace", "--from", "default/client", "--to", "default/server:80"];
const differences = async (): Promise<readonly string[]> => (await node().read<Trace>(...ask)).differences;

/** Removes all entries that let the client in. */
function forgetClient(): void {
  using outer = MapHandle.openPinned(join(node().bpffs, "weir/maps/policy"));
  const slots = new MapOfMaps(outer, u32);
  for (const slot of slots.keys()) {
    using inner = slots.get(slot);
    if (!inner) continue;
    const map = new BpfMap(inner, policyKey, policyEntry);
    for (const [key] of map.entries()) if (key.peer >= 256) map.delete(key);
  }
}

test("what the kernel holds and policy does not say is told of loudly", async () => {
  expect(await differences()).toEqual([]);
  forgetClient();
  expect(await differences()).toEqual(["policy says allow for ingress, the programs deny"]);
  const { code, stdout, stderr } = await node().weir(...ask);
  expect(code).toBe(1);
  expect(stdout).toContain("verdict  deny");
  expect(stderr).toContain("contradict each other:\npolicy says allow for ingress, the programs deny");
});

test("a program that somebody took off is told of", async () => {
  const { hostInterface } = pods.client;
  const link = () => node().client.bpf("links");
  await until("the programs to be where they stay", async () => {
    const own = (await link()).filter((one) => one.interface === hostInterface);
    return own.length === 2 && own.every(({ attach }) => attach === "tcx");
  });
  const missing = `pod_egress at ${hostInterface}: it is not attached to ingress of ${hostInterface}: real packets pass unseen`;
  // The kernel takes the program off in its own time, and the agent puts it back within moments.
  await until("the trace to tell of it", async () => {
    rmSync(join(node().bpffs, `weir/links/${hostInterface}-ingress`), { force: true });
    return (await differences()).includes(missing);
  });
});
