import { setTimeout } from "node:timers/promises";
import { beforeEach, describe, expect, test } from "vitest";
import { DropReason } from "#agent/datapath/layouts.gen.ts";
import { listed } from "#test/support/listed.ts";
import { Action, type Outcome } from "#test/support/datapath.ts";
import { buildIpPacket, type TcpFlag, type Transport } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";
import { reasonOf, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

const fromClient = (annotations: string, rules = "[{ports: [{port: 80}]}]"): string => `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: server, namespace: default, annotations: {${annotations}}}
spec: {podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress], ingress: ${rules}}`;

const packet = (sport: number, ...flags: TcpFlag[]): Transport => ({ kind: "tcp", sport, dport: 80, flags });
const answer = (dport: number, ...flags: TcpFlag[]): Transport => ({ kind: "tcp", sport: 80, dport, flags });
const dropped = (outcome: Outcome, reason: number): void =>
  expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, reason]);

describe("a rule with an end", () => {
  const ending = (ms: number): string => `weir.io/not-after: '${new Date(ms).toISOString()}'`;

  test("lets nothing more through from then on, established connections included, whoever is away", async () => {
    using pods = await TwoPods.with();
    // The boot clock is the one that counts: half a second from now on it.
    const { end, wall } = pods.instantIn(500);
    await pods.setPolicy(fromClient(ending(wall)));
    expect(pods.toServer(packet(40_000, "SYN")).action).toBe(Action.redirect);
    expect(pods.toClient(answer(40_000, "SYN", "ACK")).action).toBe(Action.redirect);
    while (pods.datapath.kernel.now() < end) await setTimeout(10);
    dropped(pods.toServer(packet(40_000, "ACK")), DropReason.POLICY_DENIED);
    dropped(pods.toClient(answer(40_000, "ACK")), DropReason.POLICY_DENIED);
    dropped(pods.toServer(packet(40_001, "SYN")), DropReason.POLICY_DENIED);
  });

  test("leaves what another rule allows as well", async () => {
    using pods = await TwoPods.with();
    const { end, wall } = pods.instantIn(200);
    const rules = "[{ports: [{port: 80}]}, {from: [{podSelector: {matchLabels: {app: client}}}], ports: [{port: 80}]}]";
    await pods.setPolicy(fromClient(`weir.io/not-after: 'ingress[0]=${new Date(wall).toISOString()}'`, rules));
    pods.toServer(packet(40_000, "SYN"));
    while (pods.datapath.kernel.now() < end) await setTimeout(10);
    expect(pods.toServer(packet(40_000, "ACK")).action).toBe(Action.redirect);
  });

  test("ends a connection with the earlier of both ends' rules", async () => {
    const egress = (end: string): string => `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: client, namespace: default, annotations: {${end}}}
spec: {podSelector: {matchLabels: {app: client}}, policyTypes: [Egress], egress: [{}]}`;
    using pods = await TwoPods.with();
    for (const [ofClient, ofServer] of [
      [60_000, 90_000],
      [90_000, 60_000],
    ] as const) {
      const ends = [pods.instantIn(ofClient), pods.instantIn(ofServer)] as const;
      await pods.setPolicy(`${egress(ending(ends[0].wall))}\n---${fromClient(ending(ends[1].wall))}`);
      pods.toServer(packet(40_000, "SYN"));
      const [connection] = await listed(pods.datapath.kernel.connections);
      expect(connection?.entry.notAfter).toBe(ends[0].end < ends[1].end ? ends[0].end : ends[1].end);
    }
  });

  test("gives no way to what it stood before: the Baseline tier denies, also where nothing isolates", async () => {
    using pods = await TwoPods.with();
    const { end, wall } = pods.instantIn(200);
    await pods.setPolicy(`
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: server, namespace: default, annotations: {${ending(wall)}}}
spec:
  endpointSelector: {matchLabels: {app: server}}
  enableDefaultDeny: {ingress: false}
  ingress: [{fromEndpoints: [{matchLabels: {app: client}}], toPorts: [{ports: [{port: "80", protocol: TCP}]}]}]
---
apiVersion: policy.networking.k8s.io/v1alpha1
kind: BaselineAdminNetworkPolicy
metadata: {name: default}
spec: {subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}`);
    expect(pods.toServer(packet(40_000, "SYN")).action).toBe(Action.redirect);
    while (pods.datapath.kernel.now() < end) await setTimeout(10);
    dropped(pods.toServer(packet(40_000, "ACK")), DropReason.POLICY_DENIED);
    dropped(pods.toServer(packet(40_001, "SYN")), DropReason.POLICY_DENIED);
  });
});

describe("a rule with a limit", () => {
  test("of connections lets in so many at a time; a close makes room", async () => {
    using pods = await TwoPods.with(fromClient("weir.io/connection-limit: '3'"));
    for (let i = 0; i < 3; i++) expect(pods.toServer(packet(40_000 + i, "SYN")).action).toBe(Action.redirect);
    dropped(pods.toServer(packet(41_000, "SYN")), DropReason.CONNECTION_LIMIT);
    // Those that are open go on.
    expect(pods.toServer(packet(40_000, "ACK")).action).toBe(Action.redirect);
    pods.toClient(answer(40_000, "RST"));
    expect(pods.toServer(packet(42_000, "SYN")).action).toBe(Action.redirect);
    pods.toServer(packet(40_001, "FIN", "ACK"));
    dropped(pods.toServer(packet(43_000, "SYN")), DropReason.CONNECTION_LIMIT);
    pods.toClient(answer(40_001, "FIN", "ACK"));
    expect(pods.toServer(packet(43_000, "SYN")).action).toBe(Action.redirect);
  });

  test("counts anew at a sweep what ended by time", async () => {
    using pods = await TwoPods.with(fromClient("weir.io/connection-limit: '2'"), {
      config: { tcpSynTimeout: 100_000_000n },
    });
    for (let i = 0; i < 2; i++) pods.toServer(packet(40_000 + i, "SYN"));
    dropped(pods.toServer(packet(41_000, "SYN")), DropReason.CONNECTION_LIMIT);
    const { kernel } = pods.datapath;
    await expect
      .poll(async () => {
        const { limited } = await kernel.connections.sweep(kernel.now());
        kernel.limits.recount(limited);
        return limited.size;
      })
      .toBe(0);
    expect(pods.toServer(packet(41_000, "SYN")).action).toBe(Action.redirect);
  });

  test("of a rate lets in so many a second, and no more", async () => {
    using pods = await TwoPods.with(fromClient("weir.io/rate-limit: 5/s"));
    const outcomes = Array.from({ length: 20 }, (_, i) => pods.toServer(packet(40_000 + i, "SYN")));
    const passed = outcomes.filter(({ action }) => action === Action.redirect).length;
    // The machine may have taken more than a moment for them.
    expect(passed).toBeGreaterThanOrEqual(5);
    expect(passed).toBeLessThan(20);
    for (const outcome of outcomes.filter(({ action }) => action !== Action.redirect)) {
      expect(reasonOf(outcome)).toBe(DropReason.RATE_LIMITED);
    }
    await expect.poll(() => pods.toServer(packet(50_000, "SYN")).action).toBe(Action.redirect);
  });

  test("of a rate holds in every second of a flood, the first one too", async () => {
    const rate = 200;
    using pods = await TwoPods.with(fromClient(`weir.io/rate-limit: ${rate}/s`));
    const { kernel } = pods.datapath;
    const passed: bigint[] = [];
    const begin = kernel.now();
    for (let i = 0; kernel.now() - begin < 2_500_000_000n; i++) {
      if (pods.toServer(packet(1_024 + (i % 60_000), "SYN")).action === Action.redirect) passed.push(kernel.now());
    }
    const most = Math.max(
      ...passed.map((start, i) => passed.slice(i).filter((at) => at - start < 1_000_000_000n).length),
    );
    expect(most).toBeGreaterThanOrEqual(rate * 0.95);
    expect(most).toBeLessThanOrEqual(rate * 1.05);
  });

  test("does not bound what another rule allows without one", async () => {
    const rules = "[{ports: [{port: 80}]}, {from: [{podSelector: {matchLabels: {app: client}}}], ports: [{port: 80}]}]";
    using pods = await TwoPods.with(fromClient("weir.io/connection-limit: 'ingress[0]=1'", rules));
    for (let i = 0; i < 3; i++) expect(pods.toServer(packet(40_000 + i, "SYN")).action).toBe(Action.redirect);
  });
});

describe("places of a connection limit", () => {
  const limited = (connections: number, more = ""): string =>
    fromClient(`weir.io/connection-limit: '${connections}'${more}`);
  /** The same rule one line further down: its reference is another one. */
  const moved = (policy: string): string => `# moved\n${policy}`;
  const open = (pods: TwoPods): number[] =>
    [...pods.datapath.kernel.limits.read().values()].map((limit) => limit.open).filter((count) => count > 0);
  const establish = (pods: TwoPods, sport: number): void => {
    pods.toServer(packet(sport, "SYN"));
    pods.toClient(answer(sport, "SYN", "ACK"));
    pods.toServer(packet(sport, "ACK"));
  };
  const data = (pods: TwoPods, sport: number): Outcome => {
    const transport = packet(sport, "PSH", "ACK");
    const ip = { source: "10.0.0.2", destination: "10.0.0.3", transport, size: 100 };
    return pods.datapath.send(pods.client, pods.datapath.packet(pods.client, ip));
  };

  test("are given back once by a connection that a fuller limit refuses, however often it asks", async () => {
    using pods = await TwoPods.with(limited(4));
    for (let i = 0; i < 4; i++) establish(pods, 40_000 + i);
    await pods.setPolicy(moved(limited(1)));
    expect(pods.toServer(packet(40_000, "ACK")).action).toBe(Action.redirect);
    expect(open(pods).sort()).toEqual([1, 3]);
    for (let i = 0; i < 4; i++) dropped(pods.toServer(packet(40_001, "ACK")), DropReason.CONNECTION_LIMIT);
    expect(open(pods).sort()).toEqual([1, 2]);
    // Places of another connection that ends let it in again.
    pods.toServer(packet(40_000, "RST"));
    expect(pods.toServer(packet(40_001, "ACK")).action).toBe(Action.redirect);
    expect(open(pods).sort()).toEqual([1, 2]);
  });

  test("are not taken by ICMP errors of a connection whose rule has moved", async () => {
    using pods = await TwoPods.with(limited(10));
    establish(pods, 40_000);
    await pods.setPolicy(moved(limited(10)));
    const quoted = buildIpPacket({ source: "10.0.0.2", destination: "10.0.0.3", transport: packet(40_000, "ACK") });
    for (let i = 0; i < 30; i++) {
      expect(pods.toClient({ kind: "icmp", type: 3, quoted }).action).toBe(Action.redirect);
    }
    expect(open(pods)).toEqual([1]);
    expect(pods.toServer(packet(40_001, "SYN")).action).toBe(Action.redirect);
  });

  test("are given back by a connection that another of the same ports replaces", async () => {
    using pods = await TwoPods.with(limited(10));
    for (let i = 0; i < 20; i++) {
      expect(pods.toServer(packet(40_000, "SYN")).action).toBe(Action.redirect);
      pods.toServer(packet(40_000, "FIN"));
    }
    expect(open(pods)).toEqual([1]);
  });

  test("are needed again by a connection that goes on after its reset; its last packets need none", async () => {
    using pods = await TwoPods.with(limited(2));
    for (let i = 0; i < 2; i++) establish(pods, 40_000 + i);
    for (let i = 0; i < 2; i++) pods.toServer(packet(40_000 + i, "RST"));
    for (let i = 2; i < 4; i++) establish(pods, 40_000 + i);
    dropped(data(pods, 40_000), DropReason.CONNECTION_LIMIT);
    for (const flag of ["ACK", "FIN", "RST"] as const) {
      expect(pods.toServer(packet(40_001, flag)).action).toBe(Action.redirect);
    }
    expect(open(pods)).toEqual([2]);
    pods.toServer(packet(40_003, "RST"));
    expect(data(pods, 40_001).action).toBe(Action.redirect);
    expect(data(pods, 40_001).action).toBe(Action.redirect);
    dropped(pods.toServer(packet(41_000, "SYN")), DropReason.CONNECTION_LIMIT);
    const { kernel } = pods.datapath;
    kernel.limits.recount((await kernel.connections.sweep(kernel.now())).limited);
    expect(open(pods)).toEqual([2]);
  });

  test("are given back by a connection that policy denies, which ends some time after its last try", async () => {
    using pods = await TwoPods.with(limited(2));
    for (let i = 0; i < 2; i++) establish(pods, 40_000 + i);
    await pods.setPolicy(fromClient("", "[]"));
    for (let i = 0; i < 3; i++) pods.toServer(packet(40_000, "ACK"));
    expect(open(pods)).toEqual([1]);
    const { kernel } = pods.datapath;
    const [denied] = (await listed(kernel.connections)).filter(({ sourcePort }) => sourcePort === 40_000);
    expect((denied?.entry.expires ?? 0n) - kernel.now()).toBeLessThanOrEqual(240_000_000_000n);
    await pods.setPolicy(limited(2));
    for (let i = 0; i < 2; i++) expect(pods.toServer(packet(40_000 + i, "ACK")).action).toBe(Action.redirect);
    expect(open(pods)).toEqual([2]);
  });

  test("are all that a connection needs when its rule has moved: no token of the rate", async () => {
    using pods = await TwoPods.with(limited(100));
    for (let i = 0; i < 30; i++) establish(pods, 40_000 + i);
    await pods.setPolicy(moved(limited(100, ", weir.io/rate-limit: 5/s")));
    for (let i = 0; i < 30; i++) expect(pods.toServer(packet(40_000 + i, "ACK")).action).toBe(Action.redirect);
    expect(open(pods)).toEqual([30]);
  });

  test("and tokens of one end's rule are given back when the other end's refuses", async () => {
    const egress = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: client, namespace: default, annotations: {weir.io/rate-limit: 5/s}}
spec: {podSelector: {matchLabels: {app: client}}, policyTypes: [Egress], egress: [{ports: [{port: 80}]}]}`;
    using pods = await TwoPods.with(`${limited(1)}\n---${egress}`);
    expect(pods.toServer(packet(40_000, "SYN")).action).toBe(Action.redirect);
    for (let i = 0; i < 20; i++) dropped(pods.toServer(packet(41_000, "SYN")), DropReason.CONNECTION_LIMIT);
  });
});

test("a rule's hits are its judgements that were told of", async () => {
  using pods = await TwoPods.with(fromClient("weir.io/stage: audit"));
  await pods.setPolicy(fromClient(""));
  pods.toServer(packet(40_000, "SYN"));
  for (let i = 0; i < 5; i++) pods.toServer(packet(40_000, "ACK"));
  pods.toServer(packet(40_001, "SYN"));
  const [hits, ...others] = [...pods.datapath.kernel.hits.read().values()];
  expect([hits?.packets, others]).toEqual([2n, []]);
  pods.datapath.kernel.hits.retain(new Set());
  expect(pods.datapath.kernel.hits.read().size).toBe(0);
});
