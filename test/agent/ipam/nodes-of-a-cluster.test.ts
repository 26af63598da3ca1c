import fc from "fast-check";
import { expect, test } from "vitest";
import { IpamError } from "#agent/ipam/errors.ts";
import { addressesOf, type Lease } from "#agent/ipam/lease.ts";
import { EmbeddedStore } from "#agent/store/embedded.ts";
import { StoreError } from "#agent/store/errors.ts";
import { FakeClock } from "#test/support/fake-clock.ts";
import { sized } from "#test/support/size.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { ClusterNode } from "./cluster-node.ts";
import { FailingStore } from "./failing-store.ts";

const COOLDOWN = 30_000;
const NODES = ["n1", "n2", "n3"];

/** What one would write on paper: who has an address, and when it was last seen with somebody. */
class Paper {
  readonly #clock: FakeClock;
  readonly #holders = new Map<string, string>();
  readonly #ended = new Map<string, bigint>();

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  begin(lease: Lease, holder: string): void {
    for (const address of addressesOf(lease)) {
      expect(this.#holders.get(address), `${address}, given to ${holder}`).toBeUndefined();
      const rest = this.#clock.bootNanoseconds() - (this.#ended.get(address) ?? 0n);
      expect(rest, `rest of ${address}`).toBeGreaterThanOrEqual(BigInt(COOLDOWN) * 1_000_000n);
      this.#holders.set(address, holder);
    }
  }

  end(lease: Lease): void {
    for (const address of addressesOf(lease)) {
      this.#holders.delete(address);
      this.#ended.set(address, this.#clock.bootNanoseconds());
    }
  }

  /** Addresses that somebody has, or had within a cool-down. */
  get busy(): string[] {
    const since = this.#clock.bootNanoseconds() - BigInt(COOLDOWN) * 1_000_000n;
    const resting = [...this.#ended].filter(([, end]) => end > since).map(([address]) => address);
    return [...new Set([...this.#holders.keys(), ...resting])];
  }
}

/** A node over its lives; its records are what a state folder would hold. */
class Life {
  readonly name: string;
  readonly records = new Map<string, Lease>();
  readonly #cluster: Cluster;
  readonly #store: FailingStore;
  #node: ClusterNode | null = null;
  #pods = 0;

  constructor(name: string, cluster: Cluster) {
    this.name = name;
    this.#cluster = cluster;
    this.#store = new FailingStore(cluster.store);
  }

  get node(): ClusterNode {
    if (!this.#node) throw new Error(`${this.name} is not open`);
    return this.#node;
  }

  /** The next life; an earlier one is not asked. */
  async start(): Promise<void> {
    this.#node?.[Symbol.dispose]();
    this.#store.failAfter(Number.POSITIVE_INFINITY, false);
    const { clock, folder, masks, cidrs } = this.#cluster;
    const common = { clock, cooldown: COOLDOWN, folder: folder.path, masks, cidrs };
    this.#node = await ClusterNode.open({ node: this.name, store: this.#store, records: this.records, ...common });
  }

  cutLine(calls: number, isDone: boolean): void {
    this.#store.failAfter(calls, isDone);
  }

  /** @param isKilled before the record is written. */
  async allocate(isKilled: boolean): Promise<void> {
    const owner = `${this.name}-${this.#pods++}`;
    try {
      const lease = await this.node.allocate(owner);
      this.#cluster.paper.begin(lease, owner);
      if (isKilled) this.#cluster.paper.end(lease);
      else this.records.set(owner, lease);
    } catch (error) {
      if (!(error instanceof IpamError)) throw error;
      expect(["pool-exhausted", "no-range"]).toContain(error.code);
      this.#expectFull();
    }
    if (isKilled) await this.start();
  }

  /** @param isKilled after the record is gone, before anybody is told. */
  async release(which: number, isKilled: boolean): Promise<void> {
    const entry = [...this.records][which % (this.records.size || 1)];
    if (!entry) return;
    const [owner, lease] = entry;
    this.records.delete(owner);
    this.#cluster.paper.end(lease);
    if (isKilled) await this.start();
    else await this.node.release(lease);
  }

  async keepUp(): Promise<void> {
    try {
      await this.node.upkeep.run();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
  }

  /** Of some family of the node's blocks, every address is busy. */
  #expectFull(): void {
    const busy = this.#cluster.paper.busy;
    const fills = this.node.ipam.fill;
    const isFull = [".", ":"].some((mark) => {
      const ranges = fills.filter(({ cidr }) => cidr.includes(mark));
      return ranges.every(({ capacity, cidr }) => {
        const [network = ""] = cidr.split("/");
        const prefix = network.slice(0, network.lastIndexOf(mark) + 1);
        const first = Number.parseInt(network.slice(prefix.length) || "0", mark === "." ? 10 : 16);
        const inside = busy.filter((address) => {
          const last = Number.parseInt(address.slice(prefix.length), mark === "." ? 10 : 16);
          return address.startsWith(prefix) && last >= first && last < first + 8;
        });
        return BigInt(inside.length) === capacity;
      });
    });
    expect(isFull).toBe(true);
  }
}

class Cluster implements AsyncDisposable {
  readonly folder = new TemporaryFolder();
  readonly clock = new FakeClock();
  readonly store = EmbeddedStore.open(this.folder.join("store"));
  readonly paper = new Paper(this.clock);
  readonly masks = { ipv4: 29, ipv6: 125 };
  readonly cidrs: readonly string[];
  readonly lives: readonly Life[];

  constructor(cidrs: readonly string[]) {
    this.cidrs = cidrs;
    this.lives = NODES.map((name) => new Life(name, this));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { node } of this.lives) node[Symbol.dispose]();
    await this.store[Symbol.asyncDispose]();
    this.folder[Symbol.dispose]();
  }
}

const who = fc.nat(2);
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ act: fc.constant("allocate" as const), who, isKilled: fc.boolean() }) },
  {
    weight: 5,
    arbitrary: fc.record({ act: fc.constant("release" as const), who, which: fc.nat(40), isKilled: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("rush" as const), pods: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("restart" as const), who }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("keep up" as const), who }) },
  {
    weight: 2,
    arbitrary: fc.record({ act: fc.constant("cut line" as const), who, calls: fc.nat(4), isDone: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("wait" as const), seconds: fc.constantFrom(7, 31, 400) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function take(cluster: Cluster, one: Step): Promise<void> {
  if (one.act === "wait") return cluster.clock.advance(one.seconds * 1_000);
  // All nodes at the same moment: they want the same blocks.
  if (one.act === "rush") {
    const pods = cluster.lives.flatMap((life) => Array.from({ length: one.pods }, () => life.allocate(false)));
    return void (await Promise.all(pods));
  }
  const life = cluster.lives[one.who] as Life;
  switch (one.act) {
    case "allocate":
      return life.allocate(one.isKilled);
    case "release":
      return life.release(one.which, one.isKilled);
    case "restart":
      return life.start();
    case "keep up":
      return life.keepUp();
    case "cut line":
      return life.cutLine(one.calls, one.isDone);
  }
}

/** When all pods are gone, each node has one block, and every address of it. */
async function expectNoLeak(cluster: Cluster): Promise<void> {
  for (const life of cluster.lives) {
    await life.start();
    while (life.records.size > 0) await life.release(0, false);
  }
  for (let n = 0; n < 30; n++) {
    cluster.clock.advance(400_000);
    for (const life of cluster.lives) await life.keepUp();
  }
  for (const { node } of cluster.lives) {
    expect(node.ipam.fill.map(({ used, cooling, kept }) => used + cooling + kept)).toEqual(cluster.cidrs.map(() => 0));
  }
  const holders = (await cluster.store.list("ipam/blocks/")).map(
    ({ value }) => (JSON.parse(value) as { node: string }).node,
  );
  expect(holders.toSorted()).toEqual(NODES.flatMap((name) => cluster.cidrs.map(() => name)));
}

test.each([[["10.0.0.0/26"]], [["fd00::/122"]], [["10.0.0.0/26", "fd00::/122"]]])(
  "of %j three nodes on one store never give an address twice, whatever fails and whoever is killed",
  async (cidrs) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), async (steps) => {
        await using cluster = new Cluster(cidrs);
        for (const life of cluster.lives) await life.start();
        for (const one of steps) await take(cluster, one);
        await expectNoLeak(cluster);
      }),
      { numRuns: sized({ short: 15, long: 300 }), endOnFailure: true },
    );
  },
  sized({ short: 120_000, long: 1_200_000 }),
);
