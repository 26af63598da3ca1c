import { beforeEach, expect, test } from "vitest";
import { DropReason } from "#agent/datapath/layouts.gen.ts";
import { listed } from "#test/support/listed.ts";
import { Action, type Outcome } from "#test/support/datapath.ts";
import type { Transport } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";
import { reasonOf, serverPolicy, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

const BUDGET = 4;
const few = { config: { openingBudget: BigInt(BUDGET) } };
const syn = (sport: number): Transport => ({ kind: "tcp", sport, dport: 80, flags: ["SYN"] });
const answer = (dport: number): Transport => ({ kind: "tcp", sport: 80, dport, flags: ["SYN", "ACK"] });
const overdrawn = (outcome: Outcome): void =>
  expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, DropReason.CONNTRACK_INSERT_FAILED]);

test("a pod whose connections nobody answers opens so many and no more, and nobody else loses by it", async () => {
  using pods = await TwoPods.with("", few);
  for (let i = 0; i < BUDGET; i++) expect(pods.toServer(syn(40_000 + i)).action).toBe(Action.redirect);
  overdrawn(pods.toServer(syn(41_000)));
  overdrawn(pods.toServer({ kind: "udp", sport: 41_000, dport: 53 }));
  // Its open ones go on, and the other pod has a budget of its own.
  expect(pods.toServer(syn(40_000)).action).toBe(Action.redirect);
  expect(pods.toClient(syn(40_000)).action).toBe(Action.redirect);
});

const ack = (sport: number): Transport => ({ kind: "tcp", sport, dport: 80, flags: ["ACK"] });

test("a TCP handshake that is finished gives back what its connection took, once", async () => {
  using pods = await TwoPods.with("", few);
  for (let i = 0; i < BUDGET; i++) pods.toServer(syn(40_000 + i));
  for (let i = 0; i < 3; i++) pods.toClient(answer(40_000));
  overdrawn(pods.toServer(syn(42_000)));
  for (let i = 0; i < 3; i++) pods.toServer(ack(40_000));
  expect(pods.toServer(syn(42_000)).action).toBe(Action.redirect);
  overdrawn(pods.toServer(syn(43_000)));
});

test("an answer of another protocol gives back what its connection took, once", async () => {
  using pods = await TwoPods.with("", few);
  for (let i = 0; i < BUDGET; i++) pods.toServer({ kind: "udp", sport: 5000 + i, dport: 53 });
  for (let i = 0; i < 3; i++) pods.toClient({ kind: "udp", sport: 53, dport: 5000 });
  expect(pods.toServer({ kind: "udp", sport: 6000, dport: 53 }).action).toBe(Action.redirect);
  overdrawn(pods.toServer({ kind: "udp", sport: 7000, dport: 53 }));
});

test("a handshake that is not finished ends soon, however often its packets come", async () => {
  using pods = await TwoPods.with("", { config: { tcpSynTimeout: 400_000_000n } });
  const { kernel } = pods.datapath;
  const expires = async (): Promise<bigint> => (await listed(kernel.connections))[0]?.entry.expires ?? 0n;
  pods.toServer(syn(40_000));
  const first = await expires();
  pods.toClient(answer(40_000));
  pods.toServer(syn(40_000));
  expect(await expires()).toBe(first);
  pods.toServer(ack(40_000));
  expect((await expires()) - kernel.now()).toBeGreaterThan(7_000_000_000_000n);
});

test("what a pod sends to its own address passes, whatever policy says, and leaves no entry", async () => {
  using pods = await TwoPods.with(serverPolicy("[]"), { ...few, elsewhere: true });
  const { datapath, server } = pods;
  for (const address of [server.ipv4, server.ipv6] as string[]) {
    for (let i = 0; i < 2 * BUDGET; i++) {
      for (const transport of [syn(40_000 + i), answer(40_000 + i)]) {
        const frame = datapath.packet(server, { source: address, destination: address, transport });
        expect(datapath.send(server, frame).action).toBe(Action.next);
        expect(datapath.receive(server, frame, { ingressIfindex: server.ifindex }).action).toBe(Action.next);
        // From elsewhere its address is a lie.
        expect(datapath.receive(server, frame, { ingressIfindex: 1 }).action).toBe(Action.drop);
      }
    }
  }
  expect(await listed(datapath.kernel.connections)).toEqual([]);
});

test("what a limit refuses takes nothing, and what the budget refuses takes nothing of a limit", async () => {
  const limited = serverPolicy("[{ports: [{port: 80}]}]").replace(
    "namespace: default}",
    "namespace: default, annotations: {weir.io/connection-limit: '3'}}",
  );
  using pods = await TwoPods.with(limited, few);
  for (let i = 0; i < 3 * BUDGET; i++) pods.toServer(syn(40_000 + i));
  await pods.setPolicy(limited.replace("'3'", "'100'"));
  expect(pods.toServer(syn(50_000)).action).toBe(Action.redirect);
  for (let i = 0; i < BUDGET; i++) overdrawn(pods.toServer(syn(51_000 + i)));
  const { kernel } = pods.datapath;
  const open = [...kernel.limits.read().values()].reduce((sum, limit) => sum + limit.open, 0);
  expect(open).toBe(BUDGET);
});

test("what policy denies takes nothing", async () => {
  using pods = await TwoPods.with(serverPolicy("[{ports: [{port: 80}]}]"), few);
  for (let i = 0; i < 3 * BUDGET; i++) pods.toServer({ kind: "tcp", sport: 40_000 + i, dport: 81, flags: ["SYN"] });
  expect(pods.toServer(syn(44_000)).action).toBe(Action.redirect);
});

test("a flood from outside is on the receiver's other budget: it can still open connections itself", async () => {
  using pods = await TwoPods.with("", few);
  const { datapath, server } = pods;
  const knock = (sport: number): Outcome => {
    const ip = { source: "192.0.2.1", destination: server.ipv4 as string, transport: syn(sport) };
    return datapath.receive(server, datapath.packet(server, ip), { ingressIfindex: 1 });
  };
  for (let i = 0; i < BUDGET; i++) expect(knock(40_000 + i).action).toBe(Action.next);
  overdrawn(knock(41_000));
  expect(pods.toClient(syn(40_000)).action).toBe(Action.redirect);
});

test("the node's own connections are on no budget, and their answers fill none", async () => {
  using pods = await TwoPods.with("", few);
  const { datapath, server } = pods;
  const knock = (source: string, transport: Transport, ingressIfindex: number): Outcome => {
    const ip = { source, destination: server.ipv4 as string, transport };
    return datapath.receive(server, datapath.packet(server, ip), { ingressIfindex });
  };
  const node = "10.0.0.254";
  for (let i = 0; i < BUDGET; i++) knock("192.0.2.1", syn(40_000 + i), 1);
  for (let i = 0; i < BUDGET; i++) {
    expect(knock(node, syn(41_000 + i), 0).action).toBe(Action.next);
    const ip = { source: server.ipv4 as string, destination: node, transport: answer(41_000 + i) };
    datapath.send(server, datapath.packet(server, ip));
    knock(node, ack(41_000 + i), 0);
  }
  overdrawn(knock("192.0.2.1", syn(42_000), 1));
});

test("what is never answered is given back by time", async () => {
  using pods = await TwoPods.with("", { config: { openingBudget: BigInt(BUDGET), tcpSynTimeout: 200_000_000n } });
  for (let i = 0; i < BUDGET; i++) pods.toServer(syn(40_000 + i));
  let sport = 50_000;
  await expect.poll(() => pods.toServer(syn(sport++)).action).toBe(Action.redirect);
});
