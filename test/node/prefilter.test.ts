import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { PrefilterView } from "#agent/api/prefilter-views.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { Outside } from "#test/support/outside.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode();
const pods = usePods(node, ["server"]);
let listed: Outside;
let other: Outside;

const device = ["--device", "outside,outside3"];
const list = (): Promise<PrefilterView> => node().read<PrefilterView>("prefilter", "list");

prepare(async () => {
  listed = new Outside(node());
  other = new Outside(node(), 3);
  await pods.server.traffic.serve("TCP", 80);
  await node().agent.stop();
  await node().startAgent({ args: device });
});

/** Packets that were dropped for being from a listed address. */
async function dropped(): Promise<number> {
  return (await list()).packets;
}

async function change(...args: readonly string[]): Promise<void> {
  expect(await node().weir("prefilter", ...args)).toMatchObject({ code: 0 });
}

describe.for(["xdp", "tc"] as const)("with %s", (hook) => {
  test("what a listed address sends is dropped, in both families, and others' passes", async () => {
    await node().agent.stop();
    await node().startAgent({ args: [...device, "--prefilter", hook] });
    await expectTraffic(listed, pods.server, 80, "answered");
    expect(await list()).toMatchObject({ prefixes: [], devices: [] });

    await change("add", listed.ipv4, `${listed.ipv6}/128`);
    expect(await list()).toMatchObject({
      prefixes: [`${listed.ipv4}/32`, `${listed.ipv6}/128`],
      devices: [
        { name: "outside", hook },
        { name: "outside3", hook },
      ],
    });
    const before = await dropped();
    await expectTraffic(listed, pods.server, 80, "silent");
    await expectTraffic(listed, pods.server.ipv6, 80, "silent");
    expect(await dropped()).toBeGreaterThan(before + 1);
    await expectTraffic(other, pods.server, 80, "answered");

    await node().agent.kill();
    await expectTraffic(listed, pods.server, 80, "silent");
    await node().startAgent({ args: [...device, "--prefilter", hook] });
    await expectTraffic(listed, pods.server, 80, "silent");

    await change("delete", listed.ipv4, `${listed.ipv6}/128`);
    await expectTraffic(listed, pods.server, 80, "answered");
    await expectTraffic(listed, pods.server.ipv6, 80, "answered");
    expect((await list()).devices).toEqual([]);
    expect(readdirSync(join(node().bpffs, "weir/xdp-links"))).toEqual([]);
  });
});

test("XDP drops before tc, whose programs do not see the packets", async () => {
  await node().agent.stop();
  await node().startAgent({ args: device });
  const dropsBy = async (): Promise<Record<string, number>> => {
    const drops = (await node().client.bpf("counters")).filter(({ reason }) => reason === "PREFILTER");
    return Object.fromEntries(drops.map(({ hook, packets }) => [hook, packets]));
  };
  await change("add", listed.ipv4);
  const before = await dropsBy();
  await expectTraffic(listed, pods.server, 80, "silent");
  const after = await dropsBy();
  expect(after["xdp"]).toBeGreaterThan(before["xdp"] ?? 0);
  expect(after["netdev-ingress"]).toBe(before["netdev-ingress"]);
  await change("delete", listed.ipv4);
});

test.each([
  ["add", "0.0.0.0/0", 2, "it is everybody"],
  ["add", "somewhere", 2, "it is neither an address nor a range"],
  ["add", "192.0.2.0/24", 1, "192.0.2.1 of this node is in it"],
  ["add", "10.77.0.9", 1, "10.77.0.0/24 of this node is in it"],
  ["delete", "203.0.113.0/24", 4, "it is not listed"],
])("%s %s is refused", async (verb, range, code, message) => {
  const before = (await list()).prefixes;
  const result = await node().weir("prefilter", verb, range);
  expect(result.stderr).toContain(message);
  expect(result.code).toBe(code);
  expect((await list()).prefixes).toEqual(before);
});

test("a file may name many", async () => {
  const ranges = Array.from({ length: 5_000 }, (_, i) => `198.${18 + (i >> 8)}.${i & 255}.0/24 # one of many`);
  const file = join(node().folder, "ranges.txt");
  writeFileSync(file, ranges.join("\n"));
  await change("add", "-f", file);
  expect((await list()).prefixes).toHaveLength(5_000);
  await change("delete", "-f", file);
  expect((await list()).prefixes).toEqual([]);
});

test("weir cleanup takes the list and the programs away", async () => {
  await change("add", listed.ipv4);
  await node().agent.stop();
  expect((await node().weir("cleanup", ...node().cleanupOptions)).code).toBe(0);
  await expectTraffic(listed, listed.node4, 80, "refused");
});
