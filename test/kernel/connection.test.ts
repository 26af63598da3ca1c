import { beforeEach, describe, expect, test } from "vitest";
import { DropReason } from "#agent/datapath/layouts.gen.ts";
import { until } from "#agent/local/until.ts";
import { listed } from "#test/support/listed.ts";
import { Action } from "#test/support/datapath.ts";
import type { TcpFlag, Transport } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";
import { fromClient80, reasonOf, serverPolicy, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

const request = (...flags: TcpFlag[]): Transport => ({ kind: "tcp", sport: 40_000, dport: 80, flags });
const reply = (...flags: TcpFlag[]): Transport => ({ kind: "tcp", sport: 80, dport: 40_000, flags });

describe("a connection that policy allows", () => {
  test("tells of its first packet only, and its replies pass", async () => {
    using pods = await TwoPods.with(serverPolicy(fromClient80));
    const first = pods.toServer(request("SYN"));
    expect([first.action, reasonOf(first)]).toEqual([Action.redirect, 0]);
    for (const outcome of [pods.toClient(reply("SYN", "ACK")), pods.toServer(request("ACK"))]) {
      expect([outcome.action, reasonOf(outcome)]).toEqual([Action.redirect, null]);
    }
    const [connection, ...others] = await listed(pods.datapath.kernel.connections);
    expect(others).toEqual([]);
    expect(connection).toMatchObject({
      source: "10.0.0.2",
      sourcePort: 40_000,
      destination: "10.0.0.3",
      destinationPort: 80,
    });
    expect(connection?.entry.packets).toEqual([2n, 1n]);
  });

  test("is cut at its next packet by a new denial, in both directions", async () => {
    using pods = await TwoPods.with(serverPolicy(fromClient80));
    pods.toServer(request("SYN"));
    pods.toClient(reply("SYN", "ACK"));
    await pods.setPolicy(serverPolicy("[]"));
    for (const outcome of [pods.toClient(reply("ACK")), pods.toServer(request("ACK"))]) {
      expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, DropReason.POLICY_DENIED]);
    }
    await pods.setPolicy(serverPolicy(fromClient80));
    expect(pods.toServer(request("ACK")).action).toBe(Action.redirect);
  });

  test("goes on under a policy that allows it too, and tells when the rule is another one", async () => {
    using pods = await TwoPods.with(serverPolicy(fromClient80));
    pods.toServer(request("SYN"));
    await pods.setPolicy(serverPolicy(fromClient80));
    expect(reasonOf(pods.toServer(request("ACK")))).toBe(null);
    await pods.setPolicy(serverPolicy("[{}]"));
    expect(reasonOf(pods.toServer(request("ACK")))).toBe(0);
  });
});

describe("a connection that policy denies", () => {
  test("leaves no entry, and each of its packets is told", async () => {
    using pods = await TwoPods.with(serverPolicy("[]"));
    for (let i = 0; i < 2; i++) {
      const outcome = pods.toServer(request("SYN"));
      expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, DropReason.POLICY_DENIED]);
    }
    expect(await listed(pods.datapath.kernel.connections)).toEqual([]);
  });
});

test("a server that calls back on the same ports is judged on its own", async () => {
  const noEgress = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: quiet, namespace: default}
spec: {podSelector: {matchLabels: {app: server}}, policyTypes: [Egress]}`;
  using pods = await TwoPods.with(`${serverPolicy(fromClient80)}\n---${noEgress}`);
  pods.toServer(request("SYN"));
  expect(pods.toClient(reply("SYN", "ACK")).action).toBe(Action.redirect);
  expect(pods.toClient(reply("SYN")).action).toBe(Action.drop);
  expect(pods.toClient(reply("ACK")).action).toBe(Action.redirect);
});

test("ports are used again after a close, as a connection of its own", async () => {
  using pods = await TwoPods.with(serverPolicy(fromClient80));
  pods.toServer(request("SYN"));
  pods.toClient(reply("SYN", "ACK"));
  pods.toServer(request("FIN", "ACK"));
  expect(reasonOf(pods.toClient(reply("FIN", "ACK")))).toBe(null);
  expect(reasonOf(pods.toServer(request("ACK")))).toBe(null);
  expect(reasonOf(pods.toServer(request("SYN")))).toBe(0);
});

test("another pod on an old address inherits no connection", async () => {
  using pods = await TwoPods.with(serverPolicy(fromClient80));
  pods.toServer(request("SYN"));
  pods.toClient(reply("SYN", "ACK"));
  pods.enforcement.remove(pods.client.id);
  // The same address, another incarnation, and labels that no rule lets in.
  const labels = { app: "stranger" };
  const successor = { ...pods.client, incarnation: 99, identity: 300, subject: { ...pods.client.subject, labels } };
  await pods.enforcement.add(successor);
  const ip = { source: "10.0.0.2", destination: "10.0.0.3", transport: request("ACK") };
  const outcome = pods.datapath.send(successor, pods.datapath.packet(successor, ip));
  expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, DropReason.POLICY_DENIED]);
  // What the server still sends to the old client is no reply any more: a connection of its own, which may be.
  expect(reasonOf(pods.toClient(reply("ACK")))).toBe(0);
});

test("a new identity of a peer is judged at the connection's next packet", async () => {
  using pods = await TwoPods.with(serverPolicy(fromClient80));
  pods.toServer(request("SYN"));
  const labels = { app: "stranger" };
  await pods.enforcement.add({ ...pods.client, identity: 300, subject: { ...pods.client.subject, labels } });
  const outcome = pods.toServer(request("ACK"));
  expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, DropReason.POLICY_DENIED]);
});

test("a rule of addresses that comes later is judged at the connection's next packet", async () => {
  using pods = await TwoPods.with(serverPolicy("[{from: [{ipBlock: {cidr: 10.0.0.0/24}}]}]"));
  pods.toServer(request("SYN"));
  await pods.setPolicy(serverPolicy("[{from: [{ipBlock: {cidr: 10.0.0.0/24, except: [10.0.0.2/32]}}]}]"));
  expect(pods.toServer(request("ACK")).action).toBe(Action.drop);
});

test("UDP and ICMP echo are connections, too", async () => {
  using pods = await TwoPods.with(serverPolicy("[{from: [{podSelector: {}}]}]"));
  expect(reasonOf(pods.toServer({ kind: "udp", sport: 5000, dport: 53 }))).toBe(0);
  expect(reasonOf(pods.toClient({ kind: "udp", sport: 53, dport: 5000 }))).toBe(null);
  expect(reasonOf(pods.toServer({ kind: "icmp", type: 8, id: 7 }))).toBe(0);
  const echoReply = pods.toClient({ kind: "icmp", type: 0, id: 7 });
  expect([echoReply.action, reasonOf(echoReply)]).toEqual([Action.redirect, null]);
});

test("an echo request of the pinged side is a connection of its own", async () => {
  const noIngress = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: client, namespace: default}
spec: {podSelector: {matchLabels: {app: client}}, policyTypes: [Ingress]}`;
  using pods = await TwoPods.with(noIngress);
  const echo = { kind: "icmp", type: 8, id: 7 } as const;
  expect(pods.toServer(echo).action).toBe(Action.redirect);
  expect(pods.toClient(echo).action).toBe(Action.drop);
  expect(pods.toClient({ ...echo, type: 0 }).action).toBe(Action.redirect);
});

test("a connection that came out of the host's stack is answered through it: a NAT may be there", async () => {
  using pods = await TwoPods.with();
  const { client, server, datapath } = pods;
  // The client asked a service address; a translator of the stack has put the server's in its place.
  const asked = datapath.packet(client, { source: "10.0.0.2", destination: "10.96.0.10", transport: request("SYN") });
  expect(datapath.send(client, asked).action).toBe(Action.next);
  const translated = datapath.packet(server, {
    source: "10.0.0.2",
    destination: "10.0.0.3",
    transport: request("SYN"),
  });
  expect(datapath.receive(server, translated, { ingressIfindex: client.ifindex }).action).toBe(Action.next);
  expect(pods.toClient(reply("SYN", "ACK")).action).toBe(Action.next);
  // What the client sends has the server's address only behind the translator: it counts there.
  const acknowledged = datapath.packet(server, {
    source: "10.0.0.2",
    destination: "10.0.0.3",
    transport: request("ACK"),
  });
  expect(datapath.receive(server, acknowledged, { ingressIfindex: client.ifindex }).action).toBe(Action.next);
  const { kernel } = datapath;
  const [translation] = (await listed(kernel.connections)).filter(({ destination }) => destination === "10.0.0.3");
  expect(translation?.entry.packets).toEqual([2n, 1n]);
  expect((translation?.entry.expires ?? 0n) - kernel.now()).toBeGreaterThan(7_000_000_000_000n);
  // A changed policy judges it again, and does not forget where it came from.
  await pods.setPolicy(serverPolicy("[{}]"));
  expect(pods.toClient(reply("ACK")).action).toBe(Action.next);
});

test("a denied connection is not begun anew by the other side, however long it goes on trying", async () => {
  using pods = await TwoPods.with(serverPolicy(fromClient80), { config: { tcpCloseTimeout: 1n } });
  pods.toServer(request("SYN"));
  pods.toClient(reply("SYN", "ACK"));
  pods.toServer(request("ACK"));
  await pods.setPolicy(serverPolicy("[]"));
  for (let i = 0; i < 5; i++) expect(pods.toClient(reply("ACK")).action).toBe(Action.drop);
  const { kernel } = pods.datapath;
  const [denied] = await listed(kernel.connections);
  // TCP waits 120 s at most before it tries again.
  expect((denied?.entry.expires ?? 0n) - kernel.now()).toBeGreaterThan(120_000_000_000n);
});

test("the reply to an echo of IPv6 is judged by the request's type when policy has changed", async () => {
  const pings = (type: number): string => `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: server, namespace: default}
spec:
  endpointSelector: {matchLabels: {app: server}}
  ingress: [{icmps: [{fields: [{family: IPv6, type: ${type}}]}]}]`;
  using pods = await TwoPods.with(pings(128));
  const back = { source: "fd00::3", destination: "fd00::2" };
  const echoReply = () => pods.toClient({ kind: "icmp", type: 129, id: 7 }, back);
  pods.toServer({ kind: "icmp", type: 128, id: 7 }, { source: "fd00::2", destination: "fd00::3" });
  await pods.setPolicy(`# moved\n${pings(128)}`);
  expect(echoReply().action).toBe(Action.redirect);
  await pods.setPolicy(pings(129));
  expect(reasonOf(echoReply())).toBe(DropReason.POLICY_DENIED);
});

test("a connection with the world goes on under a policy that allows it too", async () => {
  using pods = await TwoPods.with();
  const send = (): number | null => {
    const outcome = pods.toServer({ kind: "udp", sport: 5000, dport: 53 }, { destination: "192.0.2.1" });
    expect(outcome.action).toBe(Action.next);
    return reasonOf(outcome);
  };
  expect([send(), send()]).toEqual([0, null]);
  await pods.setPolicy("");
  expect(send()).toBe(null);
});

test("a datagram that comes after its connection's time opens another", async () => {
  using pods = await TwoPods.with("", { config: { otherTimeout: 50_000_000n } });
  const datagram = (): number | null => reasonOf(pods.toServer({ kind: "udp", sport: 5000, dport: 53 }));
  expect([datagram(), datagram()]).toEqual([0, null]);
  const { kernel } = pods.datapath;
  const [connection] = await listed(kernel.connections);
  await until("the connection's end", () => kernel.now() > (connection?.entry.expires ?? 0n));
  expect(datagram()).toBe(0);
});
