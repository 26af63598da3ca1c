import { expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import { expectTraffic, targetOf } from "#test/support/expect-traffic.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode({ args: ["--endpoints-max", "4", "--conntrack4-entries", "8192"] });
const pods = usePods(node, ["server", "client"]);

prepare(() => pods.server.traffic.serve("UDP", 80));

const status = async (): Promise<[number, string]> => {
  const { code, stdout } = await node().weir("status");
  return [code, stdout];
};

test("a node with as many pods as it takes is degraded, refuses more, and keeps those it has", async () => {
  expect((await status())[0]).toBe(0);
  const others = [await node().addPod({ name: "third" }), await node().addPod({ name: "fourth" })];
  expect(await status()).toEqual([5, expect.stringMatching(/map interfaces is full .*raise --endpoints-max/)]);
  await expect(node().addPod({ name: "fifth" })).rejects.toThrow(/"code":11.*raise --endpoints-max/);
  expect(await node().client.endpoints()).toHaveLength(4);
  await expectTraffic(pods.client, pods.server, 80, "answered", { protocol: "UDP" });
  for (const pod of others) await pod[Symbol.asyncDispose]();
  await until("the node to be well", async () => (await status())[0] === 0);
});

test("a node whose connections need most of their map is degraded", async () => {
  const target = targetOf(pods.server, 80, "UDP");
  // Not much more: each CPU keeps up to 128 places for itself, and evicts where there are no others.
  for (let n = 0; n < 7000; n += 100) {
    const attempts = Array.from({ length: 100 }, (_, i) =>
      pods.client.traffic.attempt(target, { timeout: 5000, sourcePort: 20_000 + n + i }),
    );
    await Promise.all(attempts);
  }
  expect(await status()).toEqual([
    5,
    expect.stringMatching(/map conntrack4 is \d+ % full .*idle the longest are forgotten; raise --conntrack4-entries/),
  ]);
  await expectTraffic(pods.client, pods.server, 80, "answered", { protocol: "UDP" });
});
