import { expect, onTestFinished, test } from "vitest";
import { EmbeddedStore } from "#agent/store/embedded.ts";
import { StoreError } from "#agent/store/errors.ts";
import type { Store } from "#agent/store/store.ts";
import { until } from "#agent/local/until.ts";
import { FakeClock } from "#test/support/fake-clock.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { ClusterNode, type ClusterNodeOptions } from "./cluster-node.ts";

const MINUTE = 60_000_000_000n;

/** A store that several nodes share, and what it holds. */
function makeCluster(defaults: Partial<ClusterNodeOptions> = {}) {
  const folder = new TemporaryFolder();
  const store = EmbeddedStore.open(folder.join("store"));
  const clock = new FakeClock();
  onTestFinished(async () => {
    await store[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });
  const open = async (node: string, options: Partial<ClusterNodeOptions> = {}): Promise<ClusterNode> => {
    const masks = { ipv4: 29, ipv6: 125 };
    const cidrs = ["10.0.0.0/27"];
    const shared = { store, clock, cooldown: 30_000, folder: folder.path };
    const made = await ClusterNode.open({ node, cidrs, masks, ...shared, ...defaults, ...options });
    onTestFinished(() => made[Symbol.dispose]());
    return made;
  };
  const holders = async (): Promise<string[]> =>
    (await store.list("ipam/blocks/")).map(({ value }) => {
      const { cidr, node } = JSON.parse(value) as { cidr: string; node: string };
      return `${cidr} ${node}`;
    });
  const fill = async (node: ClusterNode, pods: number): Promise<string[]> => {
    const given: string[] = [];
    for (let n = 0; n < pods; n++) given.push((await node.allocate(`pod-${n}`)).ipv4 ?? "none");
    return given;
  };
  return { store, clock, open, holders, fill };
}

/** The store of a server that does not answer. */
function unavailable(): Store {
  const fail = (): Promise<never> =>
    Promise.reject(new StoreError("unavailable", { asked: "reach the store", obstacle: "nobody answers" }));
  return { get: fail, list: fail, put: fail, delete: fail } as unknown as Store;
}

test("each node takes a block of its own of each family, and the keys say whose they are", async () => {
  const { store, open } = makeCluster({ cidrs: ["10.0.0.0/27", "fd00::/122"] });
  const nodes = await Promise.all(["n1", "n2", "n3"].map((name) => open(name)));
  const blocks = nodes.flatMap((node) => node.blocks.blocks);
  expect([blocks.length, new Set(blocks).size]).toEqual([6, 6]);
  for (const node of nodes) expect(node.ipam.cidrs).toEqual(node.blocks.blocks);
  const [four = "", six = ""] = nodes[0]?.blocks.blocks ?? [];
  const entry = await store.get(`ipam/blocks/${four.replace("/", "-")}`);
  expect(JSON.parse(entry?.value ?? "")).toEqual({ cidr: four, node: "n1", n: 0 });
  expect(await store.get(`ipam/blocks/${six.replaceAll(":", "_").replace("/", "-")}`)).not.toBeNull();
});

test("sixteen nodes that start at the same moment share sixteen blocks, each has one", async () => {
  const { open } = makeCluster({ cidrs: ["10.0.0.0/25"] });
  const nodes = await Promise.all(Array.from({ length: 16 }, (_, n) => open(`n${n}`)));
  const blocks = nodes.flatMap((node) => node.blocks.blocks);
  expect([blocks.length, new Set(blocks).size]).toEqual([16, 16]);
});

test("a pod that finds the node's blocks full gets an address of a further one; the gateway stays", async () => {
  const { open, fill } = makeCluster();
  const node = await open("n1");
  const gateway = node.ipam.gateway;
  expect(new Set(await fill(node, 8)).size).toBe(8);
  expect(node.blocks.blocks).toHaveLength(2);
  expect([node.ipam.gateway, node.ipam.warnings()]).toEqual([gateway, []]);
  expect([...node.ipam.growth]).toEqual([["default", true]]);
});

test("when all blocks of the cluster are taken, pods are refused at once and in clear words", async () => {
  const { open, fill } = makeCluster();
  const [one, two] = [await open("n1"), await open("n2")];
  await fill(one, 15);
  await fill(two, 5);
  await expect(two.allocate("late")).rejects.toThrow(
    /has 5 of 5 addresses in use, and no further one can be had: .*all blocks of the cluster's 10\.0\.0\.0\/27 are taken/,
  );
  expect(two.ipam.warnings()).toEqual([expect.stringContaining("is full: 5 of 5 addresses")]);
  expect([...two.ipam.growth]).toEqual([["default", false]]);
  expect(two.ipam.obstacles()).toEqual([expect.stringContaining("no further one can be had")]);
});

test("a node that finds no block waits for one, and takes it when there is", async () => {
  const { open, fill, clock, holders } = makeCluster();
  const one = await open("n1");
  const pods = await fill(one, 20);
  const two = await open("n2");
  await expect(two.allocate("a")).rejects.toThrow("it waits for a block of the cluster's ranges");
  for (const ipv4 of pods.slice(4)) await one.release({ ipv4, ipv6: null, pool: "default" });
  clock.advance(30_000);
  await one.upkeep.run();
  clock.advance(300_000);
  for (let n = 0; n < 3; n++) await one.upkeep.run();
  await two.upkeep.run();
  expect((await two.allocate("a")).ipv4).not.toBeNull();
  expect((await holders()).some((holder) => holder.endsWith("n2"))).toBe(true);
});

test("who asks for a block while one is on its way gets that one", async () => {
  const { open, holders } = makeCluster();
  const { blocks } = await open("n1");
  const [one, other] = await Promise.all([blocks.claim("ipv4"), blocks.claim("ipv4")]);
  expect([one, (await holders()).length]).toEqual([other, 2]);
  expect(await blocks.claim("ipv4")).not.toBe(one);
});

test("a block is taken before it is needed", async () => {
  const { open, fill } = makeCluster({ cidrs: ["10.0.0.0/16"], masks: { ipv4: 24, ipv6: 120 } });
  const node = await open("n1");
  await fill(node, 221);
  await node.upkeep.run();
  expect(node.blocks.blocks).toHaveLength(1);
  await fill(node, 1);
  await node.upkeep.run();
  expect(node.ipam.cidrs).toEqual(node.blocks.blocks);
  expect(node.blocks.blocks).toHaveLength(2);
});

test("a block without pods is given back after a while, but not the first one, nor one of few addresses left", async () => {
  const { open, fill, clock, holders } = makeCluster();
  const node = await open("n1");
  const pods = await fill(node, 6);
  const [first = "", second = ""] = node.blocks.blocks;
  await node.release({ ipv4: pods[5] as string, ipv6: null, pool: "default" });
  clock.advance(30_000);
  await node.upkeep.run();
  clock.advance(600_000);
  await node.upkeep.run();
  expect(await holders()).toHaveLength(2);
  for (const ipv4 of pods.slice(0, 5)) await node.release({ ipv4, ipv6: null, pool: "default" });
  clock.advance(30_000);
  await node.upkeep.run();
  expect(node.blocks.blocks).toEqual([first, second]);
  clock.advance(300_000);
  await node.upkeep.run();
  expect([node.blocks.blocks, node.ipam.cidrs, await holders()]).toEqual([[first], [first], [`${first} n1`]]);
});

test("a node finds its blocks again, the first one first, also one that was taken and not noted", async () => {
  const { open, fill, store } = makeCluster();
  const node = await open("n1");
  await fill(node, 6);
  const before = node.blocks.blocks;
  await store.put("ipam/blocks/10.0.0.64-29", JSON.stringify({ cidr: "10.0.0.64/29", node: "n1", n: 2 }));
  const again = await open("n1");
  expect(again.blocks.blocks).toEqual([...before, "10.0.0.64/29"]);
  expect(again.ipam.gateway).toEqual(node.ipam.gateway);
});

test("a write of which nobody knew whether it happened is found before another block is taken", async () => {
  const { open, fill, store, holders } = makeCluster();
  const node = await open("n1");
  await fill(node, 5);
  await store.put("ipam/blocks/10.0.0.64-29", JSON.stringify({ cidr: "10.0.0.64/29", node: "n1", n: 1 }));
  await node.allocate("late");
  expect(node.blocks.blocks).toContain("10.0.0.64/29");
  expect(await holders()).toHaveLength(2);
});

test("without an answer of the store, a node goes on with the blocks that it has noted", async () => {
  const { open, fill, holders } = makeCluster();
  const node = await open("n1");
  const pods = await fill(node, 6);
  const records = pods.map((ipv4, n) => [`pod-${n}`, { ipv4, ipv6: null, pool: "default" }] as const);
  const again = await open("n1", { store: unavailable(), records });
  expect([again.blocks.blocks, again.ipam.gateway]).toEqual([node.blocks.blocks, node.ipam.gateway]);
  expect(pods).not.toContain((await again.allocate("new")).ipv4);
  await expect(again.upkeep.run()).rejects.toThrow(expect.objectContaining({ code: "unavailable" }) as Error);
  expect(await holders()).toHaveLength(2);
  const fresh = await open("n9", { store: unavailable() });
  await expect(fresh.allocate("a")).rejects.toThrow(expect.objectContaining({ code: "no-range" }) as Error);
});

test("a node that is gone loses its blocks when it has been gone for long enough, and not before", async () => {
  const { open, store, clock, holders } = makeCluster({ reclaimAfter: 10n * MINUTE });
  const [one, two] = [await open("n1"), await open("n2")];
  const [lost = ""] = one.blocks.blocks;
  await store.delete("ipam/nodes/n1");
  await two.upkeep.run();
  clock.advance(599_999);
  await two.upkeep.run();
  expect(await holders()).toHaveLength(2);
  clock.advance(1);
  await two.upkeep.run();
  expect(await holders()).toEqual([`${two.blocks.blocks[0]} n2`]);
  expect(lost).not.toBe(two.blocks.blocks[0]);
});

test("a node that has been here in between keeps its blocks", async () => {
  const { open, store, clock, holders } = makeCluster({ reclaimAfter: 10n * MINUTE });
  await open("n1");
  const two = await open("n2");
  await store.delete("ipam/nodes/n1");
  await two.upkeep.run();
  clock.advance(500_000);
  await open("n1");
  await store.delete("ipam/nodes/n1");
  clock.advance(500_000);
  await two.upkeep.run();
  expect(await holders()).toHaveLength(2);
});

test("a node whose block has become another one's tells it, and gives nothing more of it", async () => {
  const { open, store, fill } = makeCluster();
  const node = await open("n1");
  void node.follow();
  await fill(node, 1);
  const [block = ""] = node.blocks.blocks;
  const key = `ipam/blocks/${block.replace("/", "-")}`;
  await store.put(key, JSON.stringify({ cidr: block, node: "n2", n: 0 }));
  await until("the loss", () => node.blocks.lost.length > 0);
  await node.upkeep.run();
  expect(node.blocks.problems()).toEqual([
    expect.stringMatching(/^block 10\.0\.0\.\d+\/29, which .* was given to node n2/),
  ]);
  const [address] = await fill(node, 1);
  expect(node.blocks.blocks).toHaveLength(2);
  expect(node.ipam.fill.find(({ cidr }) => cidr === block)).toMatchObject({ used: 1 });
  expect(address).not.toBeUndefined();
});

test("a block that the store has lost is claimed anew", async () => {
  const { open, store, holders } = makeCluster({ cidrs: ["10.0.0.0/27", "fd00::/122"] });
  const node = await open("n1");
  void node.follow();
  const before = await holders();
  for (const { key } of await store.list("ipam/blocks/")) await store.delete(key);
  await until("both blocks", async () => (await holders()).length === 2);
  expect(await holders()).toEqual(before);
  expect(node.blocks.problems()).toEqual([]);
});

test("nodes that do not agree on the size of blocks do not start", async () => {
  const { open } = makeCluster();
  await open("n1");
  await expect(open("n2", { masks: { ipv4: 28, ipv6: 125 } })).rejects.toThrow(
    "use blocks of /28: the nodes of this cluster use blocks of /29; give every node the same --cluster-pool-mask",
  );
  await expect(open("n3", { cidrs: ["10.0.0.0/30"] })).rejects.toThrow(
    "cut blocks of /29 from 10.0.0.0/30: it is smaller",
  );
});

test("blocks of a huge range of IPv6 cost nothing", async () => {
  const { open, fill } = makeCluster({ cidrs: ["fd00::/16"], masks: { ipv4: 24, ipv6: 64 } });
  const node = await open("n1");
  expect(node.blocks.blocks).toEqual([expect.stringMatching(/^fd00:[0-9a-f:]+::\/64$/)]);
  await fill(node, 3);
  expect(node.ipam.fill[0]?.capacity).toBe(2n ** 64n - 2n);
});
