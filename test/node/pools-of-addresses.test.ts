import { stringify } from "yaml";
import { expect, test } from "vitest";
import type { StatusView } from "#agent/api/views.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { podObject } from "#test/support/kubernetes-objects.ts";
import { useNode } from "#test/support/use-node.ts";

const shop = {
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name: "shop", annotations: { "weir.io/ip-pool": "blue" } },
};
const node = useNode({
  args: ["--pool", "blue=10.79.0.0/24,fd00:79::/64", "--pool", "four=10.80.0.0/24"],
  objects: {
    "shop.yaml": stringify(shop),
    "four.yaml": podObject({ namespace: "shop", name: "four", annotations: { "weir.io/ip-pool": "four" } }),
    "red.yaml": podObject({ name: "red", annotations: { "weir.io/ip-pool": "red" } }),
    "db-0.yaml": podObject({ namespace: "shop", name: "db-0", annotations: { "weir.io/sticky-ip": "true" } }),
  },
});

test("the annotation of a pod or its namespace chooses the pool, and pods of all pools reach each other", async () => {
  const [plain, web, four] = [
    await node().addPod({ name: "plain" }),
    await node().addPod({ namespace: "shop", name: "web" }),
    await node().addPod({ namespace: "shop", name: "four" }),
  ];
  expect([plain.ipv4, plain.ipv6]).toEqual(["10.77.0.2", "fd00:77::2"]);
  expect([web.ipv4, web.ipv6, web.gateway4, web.gateway6]).toEqual([
    "10.79.0.2",
    "fd00:79::2",
    "10.77.0.1",
    "fd00:77::1",
  ]);
  expect(four.result.ips.map(({ address }) => address)).toEqual(["10.80.0.2/32"]);
  for (const from of [plain, web, four])
    for (const to of [plain, web, four]) {
      if (from !== to) await expectTraffic(from, to, 80, "refused");
    }
  await expectTraffic(plain, web.ipv6, 80, "refused");
  const { ipam } = await node().read<StatusView>("status");
  expect(ipam.ranges.map(({ pool, used }) => [pool, used])).toEqual([
    ["default", 1],
    ["default", 1],
    ["blue", 1],
    ["blue", 1],
    ["four", 1],
  ]);
});

test("a pool that there is not is an error of the pod", async () => {
  await expect(node().addPod({ name: "red" })).rejects.toThrow(
    /"code": ?7,.*give addresses to default\/red: this node has no pool red; it has default, blue, four/s,
  );
});

test("a pod that keeps its addresses has them again, at once and after a restart of the agent", async () => {
  const pod = await node().addPod({ namespace: "shop", name: "db-0" });
  const addresses = pod.result.ips;
  await node().addPod({ namespace: "shop", name: "db-1" });
  for (let n = 0; n < 3; n++) {
    await pod.delete();
    expect((await pod.add()).ips).toEqual(addresses);
  }
  await pod.delete();
  await node().agent.kill();
  await node().startAgent({ args: ["--pool", "blue=10.79.0.0/24,fd00:79::/64,four=10.80.0.0/24"] });
  expect((await pod.add()).ips).toEqual(addresses);
});

test("addresses that the runtime asks for are given, to one pod", async () => {
  const runtimeConfig = { ips: ["10.79.0.99/24", "fd00:79::99"] };
  const pod = await node().addPod({ name: "asking", config: { runtimeConfig } });
  expect([pod.ipv4, pod.ipv6]).toEqual(["10.79.0.99", "fd00:79::99"]);
  const second = { name: "second", config: { runtimeConfig } };
  await expect(node().addPod(second)).rejects.toThrow(
    /"code": ?7,.*give 10\.79\.0\.99 to default\/second: default\/asking has it/s,
  );
  await pod.delete();
  await expect(node().addPod(second)).rejects.toThrow(/"code": ?11,.*default\/asking had it until a moment ago/s);
  await pod.add();
  expect(pod.ipv4).toBe("10.79.0.99");
});
