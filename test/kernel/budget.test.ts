import { beforeEach, expect, test } from "vitest";
import { DropReason } from "#agent/datapath/layouts.gen.ts";
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

test("an answer gives back what its connection took, once", async () => {
  using pods = await TwoPods.with("", few);
  for (let i = 0; i < BUDGET; i++) pods.toServer(syn(40_000 + i));
  for (let i = 0; i < 3; i++) pods.toClient(answer(40_000));
  expect(pods.toServer(syn(42_000)).action).toBe(Action.redirect);
  overdrawn(pods.toServer(syn(43_000)));
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

test("what is never answered is given back by time", async () => {
  using pods = await TwoPods.with("", { config: { openingBudget: BigInt(BUDGET), tcpSynTimeout: 200_000_000n } });
  for (let i = 0; i < BUDGET; i++) pods.toServer(syn(40_000 + i));
  let sport = 50_000;
  await expect.poll(() => pods.toServer(syn(sport++)).action).toBe(Action.redirect);
});
