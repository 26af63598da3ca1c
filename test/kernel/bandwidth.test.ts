import { BpfMap } from "libbpf-ts";
import { beforeEach, describe, expect, test } from "vitest";
import type { BandwidthLimit } from "#agent/datapath/kernel.ts";
import {
  bandwidth,
  type Bandwidth,
  type BandwidthKey,
  bandwidthKey,
  Direction,
  DropReason,
} from "#agent/datapath/layouts.gen.ts";
import type { GuardedEndpoint } from "#agent/endpoint/guarded-endpoint.ts";
import { Action, loopback, type Outcome } from "#test/support/datapath.ts";
import type { Transport } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";
import { serverPolicy, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

/** 1 byte takes 1,000 ns: nothing that a test takes in time pays for much. */
const slow: BandwidthLimit = { rate: 1_000_000, burst: 50_000_000 };
const hour = 3_600_000_000_000n;
const ETHERNET = 14;
const udp: Transport = { kind: "udp", sport: 5000, dport: 53 };
const tcp: Transport = { kind: "tcp", sport: 40_000, dport: 80, flags: ["ACK"] };

/** A client and a server of which one or both have limits. */
class LimitedPods extends TwoPods {
  limitedClient: GuardedEndpoint = this.client;
  limitedServer: GuardedEndpoint = this.server;

  static async of(limits: { client?: object; server?: object }, yaml = ""): Promise<LimitedPods> {
    const pods = new LimitedPods();
    await pods.limit(limits);
    await pods.setPolicy(yaml);
    return pods;
  }

  async limit({ client, server }: { client?: object; server?: object }): Promise<void> {
    const limits = (given: object) => ({ bandwidth: { egress: null, ingress: null, ...given } });
    this.limitedClient = { ...this.client, ...(client && limits(client)) };
    this.limitedServer = { ...this.server, ...(server && limits(server)) };
    await this.enforcement.add(this.limitedClient);
    await this.enforcement.add(this.limitedServer);
  }

  frame(size: number, transport: Transport = udp, family: "ipv4" | "ipv6" = "ipv4"): Uint8Array {
    const ends = { source: this.client[family] as string, destination: this.server[family] as string };
    return this.datapath.packet(this.client, { ...ends, transport, size });
  }

  /** A packet of the client as it leaves, and as it comes to the server by the stack. */
  leave(frame: Uint8Array, gsoSize = 0): Outcome {
    return this.datapath.send(this.limitedClient, frame, { gsoSize });
  }
  arrive(frame: Uint8Array): Outcome {
    return this.datapath.receive(this.limitedServer, frame, { ingressIfindex: loopback });
  }

  bucket(endpoint: GuardedEndpoint, direction: number): Bandwidth | undefined {
    return this.#buckets((map) => map.get({ endpoint: endpoint.id, direction }));
  }

  /** Says until when what has passed takes at the rate, from now on; negative: it has been through since. */
  setThrough(endpoint: GuardedEndpoint, direction: number, ahead: bigint): bigint {
    const throughAt = this.datapath.kernel.now() + ahead;
    this.change(endpoint, direction, { throughAt });
    return throughAt;
  }

  change(endpoint: GuardedEndpoint, direction: number, fields: Partial<Bandwidth>): void {
    this.#buckets((map) => {
      const bucket = map.get({ endpoint: endpoint.id, direction });
      if (!bucket) throw new Error(`endpoint ${endpoint.id} has no limit ${direction}`);
      map.set({ endpoint: endpoint.id, direction }, { ...bucket, ...fields });
    });
  }

  #buckets<T>(use: (map: BpfMap<BandwidthKey, Bandwidth>) => T): T {
    using handle = this.datapath.openMap("bandwidths");
    return use(new BpfMap(handle, bandwidthKey, bandwidth));
  }
}

const reasons = ({ events }: Outcome): number[] => events.map(({ reason }) => reason);
const isDropped = ({ action }: Outcome): boolean => action === Action.drop;

describe("what a pod sends", () => {
  test("passes as long as it is not further ahead than the burst, and is dropped from there on until time has gone by", async () => {
    using pods = await LimitedPods.of({ client: { egress: slow } });
    const { limitedClient: client } = pods;
    pods.setThrough(client, Direction.EGRESS, BigInt(slow.burst) - 20_000_000n);
    expect(pods.leave(pods.frame(1000)).action).toBe(Action.next);
    pods.setThrough(client, Direction.EGRESS, hour);
    const dropped = pods.leave(pods.frame(1000));
    expect([dropped.action, reasons(dropped)]).toEqual([Action.drop, [DropReason.BANDWIDTH]]);
    pods.setThrough(client, Direction.EGRESS, 0n);
    expect(pods.leave(pods.frame(1000)).action).toBe(Action.next);
  });

  test("saves up no more than the burst, however long the pod was silent", async () => {
    using pods = await LimitedPods.of({ client: { egress: slow } });
    pods.setThrough(pods.client, Direction.EGRESS, -hour);
    const frame = pods.frame(1400);
    const most = Math.ceil(slow.burst / (frame.length * 1000)) + 1;
    let passed = 0;
    const begun = pods.datapath.kernel.now();
    while (passed < 10_000 && !isDropped(pods.leave(frame))) passed++;
    const meanwhile = Number(pods.datapath.kernel.now() - begun) / (frame.length * 1000);
    expect(passed).toBeGreaterThanOrEqual(most - 1);
    expect(passed).toBeLessThanOrEqual(most + meanwhile);
  });

  test("may be one packet of any size: what it owes is waited for by the next", async () => {
    using pods = await LimitedPods.of({ client: { egress: { rate: 125, burst: 1 } } });
    expect(pods.leave(pods.frame(1400)).action).toBe(Action.next);
    expect(isDropped(pods.leave(pods.frame(0)))).toBe(true);
    const owed = (pods.bucket(pods.client, Direction.EGRESS)?.throughAt ?? 0n) - pods.datapath.kernel.now();
    expect(owed).toBeGreaterThan(5_000_000_000n);
  });

  test.for(["ipv4", "ipv6"] as const)("counts with its Ethernet header by %s", async (family) => {
    using pods = await LimitedPods.of({ client: { egress: slow } });
    const frame = pods.frame(500, udp, family);
    const before = pods.setThrough(pods.client, Direction.EGRESS, BigInt(slow.burst) / 2n);
    pods.leave(frame);
    expect(pods.bucket(pods.client, Direction.EGRESS)?.throughAt).toBe(before + BigInt(frame.length) * 1000n);
  });

  test.for([
    ["TCP", tcp, 20],
    ["UDP", udp, 8],
  ] as const)("counts the headers of every segment of an aggregate of %s", async ([, transport, header]) => {
    using pods = await LimitedPods.of({ client: { egress: slow } });
    // 1,000 bytes in segments of 300: the first and three that get headers of their own.
    const frame = pods.frame(1000, transport);
    const headers = ETHERNET + 20 + header;
    expect(frame).toHaveLength(headers + 1000);
    const before = pods.setThrough(pods.client, Direction.EGRESS, BigInt(slow.burst) / 2n);
    pods.leave(frame, 300);
    const bytes = BigInt(frame.length + 3 * headers);
    expect(pods.bucket(pods.client, Direction.EGRESS)?.throughAt).toBe(before + bytes * 1000n);
  });

  test("costs nothing where policy denies it", async () => {
    using pods = await LimitedPods.of({ client: { egress: slow } }, serverPolicy("[]"));
    const before = pods.setThrough(pods.client, Direction.EGRESS, BigInt(slow.burst) / 2n);
    expect(reasons(pods.leave(pods.frame(1000)))).toEqual([DropReason.POLICY_DENIED]);
    expect(pods.bucket(pods.client, Direction.EGRESS)?.throughAt).toBe(before);
  });
});

test("each way has its own limit, and no pod that of another", async () => {
  using pods = await LimitedPods.of({
    client: { egress: slow, ingress: slow },
    server: { egress: slow, ingress: slow },
  });
  pods.setThrough(pods.client, Direction.EGRESS, hour);
  const frame = pods.frame(100);
  expect(isDropped(pods.leave(frame))).toBe(true);
  expect(isDropped(pods.arrive(frame))).toBe(false);
  pods.setThrough(pods.client, Direction.EGRESS, 0n);
  pods.setThrough(pods.server, Direction.INGRESS, hour);
  expect(isDropped(pods.leave(frame))).toBe(false);
  expect(isDropped(pods.arrive(frame))).toBe(true);
});

test("a pod that is limited one way only is not limited the other", async () => {
  using pods = await LimitedPods.of({ client: { ingress: slow }, server: { egress: slow } });
  const frame = pods.frame(1400);
  for (let i = 0; i < 200; i++) {
    expect(isDropped(pods.leave(frame))).toBe(false);
    expect(isDropped(pods.arrive(frame))).toBe(false);
  }
});

test("all drops are counted; one is told of, and then none for a second", async () => {
  using pods = await LimitedPods.of({ client: { egress: slow } });
  pods.leave(pods.frame(100));
  pods.setThrough(pods.client, Direction.EGRESS, hour);
  const before = pods.datapath.kernel.now();
  expect(reasons(pods.leave(pods.frame(100)))).toEqual([DropReason.BANDWIDTH]);
  expect(pods.bucket(pods.client, Direction.EGRESS)?.tellAt).toBeGreaterThan(before + 1_000_000_000n);
  pods.change(pods.client, Direction.EGRESS, { tellAt: before + hour });
  for (let i = 0; i < 3; i++) expect(reasons(pods.leave(pods.frame(100)))).toEqual([]);
  pods.change(pods.client, Direction.EGRESS, { tellAt: before });
  expect(reasons(pods.leave(pods.frame(100)))).toEqual([DropReason.BANDWIDTH]);
  const bucket = pods.bucket(pods.client, Direction.EGRESS);
  expect(bucket).toMatchObject({ droppedPackets: 5n, droppedBytes: 5n * BigInt(pods.frame(100).length) });
  const [use] = pods.datapath.kernel.endpoints.bandwidths();
  expect(use).toMatchObject({ endpoint: pods.client.id, direction: "egress", rate: slow.rate, droppedPackets: 5n });
  const counted = pods.datapath.kernel.counters().filter(({ key }) => key.reason === DropReason.BANDWIDTH);
  expect(counted.map(({ value }) => value.packets)).toEqual([5n]);
});

test("what policy says of a new connection is told, also where its first packet is dropped", async () => {
  using pods = await LimitedPods.of({ client: { egress: slow } });
  pods.setThrough(pods.client, Direction.EGRESS, hour);
  expect(reasons(pods.leave(pods.frame(100)))).toEqual([DropReason.NONE, DropReason.BANDWIDTH]);
});

describe.for(["client", "server"] as const)("packets of an established connection whose %s is limited", (who) => {
  test("go up the stack both ways, by the programs that count them, and no longer when the limit is gone", async () => {
    const fast = { rate: 1e12, burst: 1e9 };
    using pods = await LimitedPods.of({});
    const answer: Transport = { kind: "tcp", sport: 80, dport: 40_000, flags: ["SYN", "ACK"] };
    const both = () => [pods.leave(pods.frame(0, tcp)).action, pods.toClient({ ...answer, flags: ["ACK"] }).action];
    pods.leave(pods.frame(0, { ...tcp, flags: ["SYN"] }));
    pods.toClient(answer);
    expect(both()).toEqual([Action.redirect, Action.redirect]);
    await pods.limit({ [who]: { egress: fast, ingress: fast } });
    for (let i = 0; i < 3; i++) expect(both()).toEqual([Action.next, Action.next]);
    await pods.limit({});
    expect(both()).toEqual([Action.redirect, Action.redirect]);
  });
});

test("a limit that is written anew with another rate, or by a later life of the agent, keeps what was counted", async () => {
  using pods = await LimitedPods.of({ client: { egress: slow, ingress: slow } });
  const throughAt = pods.setThrough(pods.client, Direction.EGRESS, hour);
  pods.leave(pods.frame(100));
  await pods.limit({ client: { egress: { rate: 2_000_000, burst: 1_000 } } });
  const after = pods.bucket(pods.client, Direction.EGRESS);
  expect(after).toMatchObject({ rate: 2_000_000n, burst: 1_000n, throughAt, droppedPackets: 1n });
  expect(pods.bucket(pods.client, Direction.INGRESS)).toBeUndefined();

  using later = pods.datapath.reopen();
  const state = later.endpoints.read().get(pods.client.id);
  expect(state?.bandwidth).toEqual({ egress: { rate: 2_000_000, burst: 1_000 }, ingress: null });
  if (state) later.endpoints.write(state);
  expect(pods.bucket(pods.client, Direction.EGRESS)).toEqual(after);
  if (state) later.endpoints.remove(state);
  expect(later.endpoints.bandwidths()).toEqual([]);
});
