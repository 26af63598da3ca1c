import { beforeEach, describe, expect, test } from "vitest";
import { DropReason } from "#agent/datapath/layouts.gen.ts";
import { listed } from "#test/support/listed.ts";
import { Action, type Outcome } from "#test/support/datapath.ts";
import { buildIpPacket, type Transport } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";
import { reasonOf, serverPolicy, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

const pingsOnly = (): string => `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: server, namespace: default}
spec:
  endpointSelector: {matchLabels: {app: server}}
  ingress:
  - fromEndpoints: [{matchLabels: {app: client}}]
    icmps: [{fields: [{family: IPv4, type: 8}, {family: IPv6, type: 128}]}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: client, namespace: default}
spec: {podSelector: {matchLabels: {app: client}}, policyTypes: [Ingress]}`;

const icmp = (type: number, id = 0, quoted?: Uint8Array): Transport => ({
  kind: "icmp",
  type,
  id,
  ...(quoted ? { quoted } : {}),
});
const quote = (source: string, destination: string, transport: Transport): Uint8Array =>
  buildIpPacket({ source, destination, transport });
const [client, server] = ["10.0.0.2", "10.0.0.3"];
const ipv6 = {
  toServer: { source: "fd00::2", destination: "fd00::3" },
  toClient: { source: "fd00::3", destination: "fd00::2" },
};
const denied = (outcome: Outcome): void =>
  expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, DropReason.POLICY_DENIED]);

describe("an echo request with identifier 0", () => {
  test("opens the way for its replies, and for no other message in either direction", async () => {
    using pods = await TwoPods.with(pingsOnly());
    expect(pods.toServer(icmp(8)).action).toBe(Action.redirect);
    for (const type of [0, 13, 14, 17]) denied(pods.toServer(icmp(type)));
    for (const type of [8, 13, 14, 17]) denied(pods.toClient(icmp(type)));
    const reply = pods.toClient(icmp(0));
    expect([reply.action, reasonOf(reply)]).toEqual([Action.redirect, null]);
    expect(await listed(pods.datapath.kernel.connections)).toHaveLength(1);
  });

  test("so it does in IPv6", async () => {
    using pods = await TwoPods.with(pingsOnly());
    expect(pods.toServer(icmp(128), ipv6.toServer).action).toBe(Action.redirect);
    for (const type of [129, 138, 139]) denied(pods.toServer(icmp(type), ipv6.toServer));
    for (const type of [128, 138, 139]) denied(pods.toClient(icmp(type), ipv6.toClient));
    expect(pods.toClient(icmp(129), ipv6.toClient).action).toBe(Action.redirect);
  });

  test("lets no error through that quotes another's packet", async () => {
    using pods = await TwoPods.with(pingsOnly());
    pods.toServer(icmp(8));
    denied(pods.toServer(icmp(3, 0, quote(server, "10.0.0.99", { kind: "tcp", sport: 80, dport: 40_000 }))));
    denied(pods.toServer(icmp(3, 0, quote(server, client, icmp(13)))));
    denied(pods.toServer(icmp(3, 0, quote(server, client, icmp(8)))));
    expect(pods.toServer(icmp(3, 0, quote(server, client, icmp(0)))).action).toBe(Action.redirect);
    expect(pods.toClient(icmp(3, 0, quote(client, server, icmp(8)))).action).toBe(Action.redirect);
  });
});

test("an error that quotes an allowed echo passes under a policy that changed and allows it still", async () => {
  using pods = await TwoPods.with(pingsOnly());
  pods.toServer(icmp(8, 7));
  for (let i = 0; i < 2; i++) {
    await pods.setPolicy(pingsOnly());
    expect(pods.toClient(icmp(3, 0, quote(client, server, icmp(8, 7)))).action).toBe(Action.redirect);
    expect(pods.toServer(icmp(3, 0, quote(server, client, icmp(0, 7)))).action).toBe(Action.redirect);
  }
  await pods.setPolicy(serverPolicy("[]"));
  denied(pods.toClient(icmp(3, 0, quote(client, server, icmp(8, 7)))));
});

test("a message that is no echo is judged each time, and is no connection", async () => {
  using pods = await TwoPods.with(pingsOnly().replace("type: 8}", "type: 8}, {family: IPv4, type: 13}"));
  for (let i = 0; i < 2; i++) {
    const outcome = pods.toServer(icmp(13));
    expect([outcome.action, reasonOf(outcome)]).toEqual([Action.redirect, 0]);
  }
  denied(pods.toClient(icmp(14)));
  expect(await listed(pods.datapath.kernel.connections)).toEqual([]);
});

test("what only routers say is refused, whatever policy allows", async () => {
  using pods = await TwoPods.with();
  for (const type of [5, 9]) {
    const outcome = pods.toServer({ kind: "icmp", type, quoted: new Uint8Array(28) });
    expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, DropReason.FORBIDDEN_ICMPV4]);
  }
});

test("a reply that nobody asked for is judged as one", async () => {
  using pods = await TwoPods.with(pingsOnly());
  denied(pods.toClient(icmp(0, 7)));
  denied(pods.toServer(icmp(0, 7)));
  expect(pods.toServer(icmp(8, 7)).action).toBe(Action.redirect);
});
