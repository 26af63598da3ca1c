import { createSocket } from "node:dgram";
import { createServer, type Server } from "node:net";
import { once } from "node:events";
import { BpfMap, u32 } from "libbpf-ts";
import { beforeEach, describe, expect, test } from "vitest";
import { ConnectionProxied, DropReason, ProxyMark, proxyState, Verdict } from "#agent/datapath/layouts.gen.ts";
import { Action } from "#test/support/datapath.ts";
import { listed } from "#test/support/listed.ts";
import { buildIpPacket, type TcpFlag, type Transport } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";
import { reasonOf, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

const http = (rules: string): string => `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: server, namespace: default}
spec: {endpointSelector: {matchLabels: {app: server}}, ingress: [${rules}]}`;
const get = '{toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{method: GET}]}}]}';
const names = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: client, namespace: default}
spec:
  endpointSelector: {matchLabels: {app: client}}
  egress: [{toPorts: [{ports: [{port: "80", protocol: ANY}], rules: {dns: [{matchPattern: "*"}]}}]}]`;
const fromPlain = '{fromEndpoints: [{matchLabels: {app: client}}], toPorts: [{ports: [{port: "80", protocol: TCP}]}]}';

const packet = (sport: number, ...flags: TcpFlag[]): Transport => ({ kind: "tcp", sport, dport: 80, flags });
const answer = (dport: number, ...flags: TcpFlag[]): Transport => ({ kind: "tcp", sport: 80, dport, flags });
const client = "10.0.0.2";
const server = "10.0.0.3";
const world = "192.0.2.7";

/** Two pods and a proxy that says that it works, with a port on which nobody listens, or somebody. */
async function withProxy(rules: string, port = 9): Promise<TwoPods> {
  const pods = await TwoPods.with(http(rules));
  sayAlive(pods, pods.datapath.kernel.now(), port);
  return pods;
}

function sayAlive(pods: TwoPods, alive: bigint, port: number): void {
  using handle = pods.datapath.openMap("proxy");
  new BpfMap(handle, u32, proxyState).set(0, { alive, ports: [port, port, port, port] });
}

const fromWorld = (pods: TwoPods, transport: Transport, source = world) =>
  pods.datapath.receive(pods.server, pods.datapath.packet(pods.server, { source, destination: server, transport }), {
    ingressIfindex: 1,
  });

/** What the proxy's sockets send, by the node's stack. */
const byProxy = (pods: TwoPods, mark: number, source: string, destination: string, transport: Transport) => {
  const to = destination === server ? pods.server : pods.client;
  return pods.datapath.receive(to, pods.datapath.packet(to, { source, destination, transport }), { mark });
};

describe("a connection that a rule about requests allows", () => {
  test("is reset where there is no proxy, or one that has been silent for a second", async () => {
    using pods = await TwoPods.with(http(get));
    expect([pods.toServer(packet(40_000, "SYN")), fromWorld(pods, packet(40_000, "SYN"))].map(reasonOf)).toEqual([
      DropReason.PROXY_LOOKUP_FAILED,
      DropReason.PROXY_LOOKUP_FAILED,
    ]);
    sayAlive(pods, pods.datapath.kernel.now() - 1_100_000_000n, 9);
    const outcome = pods.toServer(packet(40_001, "SYN"));
    expect([outcome.action, reasonOf(outcome)]).toEqual([Action.redirect, DropReason.PROXY_LOOKUP_FAILED]);
  });

  test("is dropped where nobody listens on the proxy's port, or where no socket can be given packets", async () => {
    using pods = await withProxy(get);
    const missed = pods.toServer(packet(40_000, "SYN"));
    expect(reasonOf(missed)).toBe(DropReason.PROXY_LOOKUP_FAILED);
    const listener: Server = createServer().listen(0, "127.0.0.1");
    await once(listener, "listening");
    const { port } = listener.address() as { port: number };
    sayAlive(pods, pods.datapath.kernel.now(), port);
    // A test run is at no ingress.
    expect(reasonOf(pods.toServer(packet(40_001, "SYN")))).toBe(DropReason.PROXY_ASSIGN_FAILED);
    listener.close();
  });

  test("comes back by the pod's interface, marked, when others than pods of this node begin it", async () => {
    using pods = await withProxy(get);
    const first = fromWorld(pods, packet(40_000, "SYN"));
    expect([first.action, first.mark >>> 0]).toEqual([Action.redirect, ProxyMark.TO_PROXY + 6]);
    const [connection] = await listed(pods.datapath.kernel.connections);
    expect(connection?.entry).toMatchObject({ proxied: ConnectionProxied.CLIENT, packets: [1n, 0n] });
    expect(connection?.entry.end[1]).toMatchObject({ verdict: Verdict.REDIRECT, plain: 0 });
    // Then a listener is looked for, which is not there.
    const again = pods.datapath.send(pods.server, first.packet, { mark: ProxyMark.TO_PROXY + 6 });
    expect([again.action, reasonOf(again)]).toEqual([Action.drop, DropReason.PROXY_LOOKUP_FAILED]);
    sayAlive(pods, 0n, 9);
    const late = pods.datapath.send(pods.server, first.packet, { mark: ProxyMark.TO_PROXY + 6 });
    expect(reasonOf(late)).toBe(DropReason.PROXY_LOOKUP_FAILED);
    const established = pods.datapath.send(pods.server, first.packet, { mark: ProxyMark.TO_PROXY });
    expect([established.action, established.mark >>> 0]).toEqual([Action.next, ProxyMark.TO_PROXY]);
  });

  test("is known to be allowed without requests, too, by another look-up or by the same entry", async () => {
    const same = '{toPorts: [{ports: [{port: "80", protocol: TCP}]}]}';
    for (const [rules, plain] of [
      [get, 0],
      [`${get}, ${same}`, 1],
      [`${get}, {fromEntities: [world], toPorts: [{ports: [{port: "80", protocol: TCP}]}]}`, 1],
      [`${get}, {fromEntities: [world], toPorts: [{ports: [{port: "81", protocol: TCP}]}]}`, 0],
    ] as const) {
      using pods = await withProxy(rules);
      fromWorld(pods, packet(40_000, "SYN"));
      const [connection] = await listed(pods.datapath.kernel.connections);
      expect(connection?.entry.end[1].plain, rules).toBe(plain);
    }
  });

  test("has one entry for both legs, which counts the client's", async () => {
    using pods = await withProxy(get);
    fromWorld(pods, packet(40_000, "SYN"));
    const entry = async () => (await listed(pods.datapath.kernel.connections))[0]?.entry;
    // The proxy calls the server under the client's address, and the server answers.
    const call = byProxy(pods, ProxyMark.PROXY_TO_SERVER, world, server, packet(40_000, "SYN"));
    expect([call.action, call.events]).toEqual([Action.next, []]);
    expect(await entry()).toMatchObject({ packets: [1n, 0n] });
    // Its answer is for the proxy's socket, which is not there: a RST tells it so.
    const spec = { source: server, destination: world, transport: answer(40_000, "SYN", "ACK") };
    const reply = pods.datapath.send(pods.server, pods.datapath.packet(pods.server, spec));
    expect([reply.action, reasonOf(reply)]).toEqual([Action.redirect, DropReason.PROXY_LOOKUP_FAILED]);
  });

  test("between pods: what the proxy answers for the server reaches the client, and is counted", async () => {
    using pods = await withProxy(get);
    // Its first packet finds no listener; the connection is judged all the same.
    pods.toServer(packet(40_000, "SYN"));
    const reply = byProxy(pods, ProxyMark.PROXY_TO_CLIENT, server, client, answer(40_000, "SYN", "ACK"));
    expect(reply.action).toBe(Action.next);
    const [connection] = await listed(pods.datapath.kernel.connections);
    expect(connection?.entry).toMatchObject({ proxied: ConnectionProxied.CLIENT, packets: [1n, 1n] });
    // Without the mark it would be somebody else's packet under the server's address.
    const forged = byProxy(pods, 0, server, client, answer(40_000, "ACK"));
    expect(reasonOf(forged)).toBe(DropReason.INVALID_SOURCE_IP);
    // Nor is the mark believed of what came by a device.
    const frame = pods.datapath.packet(pods.client, {
      source: server,
      destination: client,
      transport: answer(40_000, "ACK"),
    });
    const marked = pods.datapath.receive(pods.client, frame, { mark: ProxyMark.PROXY_TO_CLIENT, ingressIfindex: 1 });
    expect(reasonOf(marked)).toBe(DropReason.PROXY_LOOKUP_FAILED);
  });

  test("keeps what its server says away from the client, past the proxy", async () => {
    using pods = await withProxy(get);
    pods.toServer(packet(40_000, "SYN"));
    const past = pods.toClient(answer(40_000, "SYN", "ACK"));
    expect(reasonOf(past)).toBe(DropReason.PROXY_LOOKUP_FAILED);
  });

  test("by a port of the proxy's own is one of its own", async () => {
    using pods = await withProxy(get);
    const call = byProxy(pods, ProxyMark.PROXY_TO_SERVER, client, server, packet(50_000, "SYN"));
    expect(call.action).toBe(Action.next);
    const [connection] = await listed(pods.datapath.kernel.connections);
    expect(connection?.entry).toMatchObject({ proxied: ConnectionProxied.SERVER, packets: [1n, 0n] });
  });
});

describe("what the proxy cannot have is dropped", () => {
  test("a connection that was begun without it", async () => {
    using pods = await TwoPods.with(http(fromPlain));
    pods.toServer(packet(40_000, "SYN"));
    pods.toClient(answer(40_000, "SYN", "ACK"));
    await pods.setPolicy(http(get));
    sayAlive(pods, pods.datapath.kernel.now(), 9);
    const outcome = pods.toServer(packet(40_000, "ACK"));
    expect([outcome.action, reasonOf(outcome)]).toEqual([Action.redirect, DropReason.PROXY_LOOKUP_FAILED]);
    // A RST is never answered.
    const last = pods.toServer(packet(40_000, "RST"));
    expect([last.action, reasonOf(last)]).toEqual([Action.drop, DropReason.PROXY_LOOKUP_FAILED]);
  });

  test("fragments, and other protocols than TCP and UDP", async () => {
    using pods = await TwoPods.with(names);
    const sctp = pods.toServer({ kind: "sctp", sport: 4000, dport: 80 });
    expect(reasonOf(sctp)).toBe(DropReason.PROXY_UNKNOWN_PROTOCOL);
    const transport: Transport = { kind: "udp", sport: 4000, dport: 80 };
    // More fragments follow.
    const spec = { source: client, destination: server, transport, fragment: 0x2000, id: 7, size: 16 };
    const frame = pods.datapath.packet(pods.client, spec);
    expect(reasonOf(pods.datapath.send(pods.client, frame))).toBe(DropReason.FRAGMENT_UNSUPPORTED);
  });

  test("a datagram, without a word to its sender", async () => {
    using pods = await TwoPods.with(names);
    const outcome = pods.toServer({ kind: "udp", sport: 4000, dport: 80 });
    expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, DropReason.PROXY_LOOKUP_FAILED]);
  });

  test("a datagram that answers where nobody of the proxy's has asked, though somebody on the node has the port", async () => {
    using pods = await TwoPods.with(names);
    sayAlive(pods, pods.datapath.kernel.now(), 9);
    const service = createSocket("udp4").bind(0);
    await once(service, "listening");
    const { port } = service.address();
    pods.toServer({ kind: "udp", sport: port, dport: 80 });
    const outcome = pods.toClient({ kind: "udp", sport: 80, dport: port });
    service.close();
    expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, DropReason.PROXY_LOOKUP_FAILED]);
  });

  test("what a chained pod sends, on whose link packets go past the stack", async () => {
    using pods = await withProxy(get);
    const chained = { ...pods.client, chained: { bridge: 0 } };
    pods.enforcement.remove(pods.client.id);
    await pods.enforcement.add(chained);
    const frame = pods.datapath.packet(chained, {
      source: client,
      destination: server,
      transport: packet(40_000, "SYN"),
    });
    expect(reasonOf(pods.datapath.send(chained, frame))).toBe(DropReason.PROXY_LOOKUP_FAILED);
  });
});

describe("a rule that lets connections pass as long as the proxy does not work", () => {
  const open = http(get).replace(
    "namespace: default}",
    "namespace: default, annotations: {weir.io/proxy-failure: open}}",
  );

  test("lets new ones pass and counts them, and has those of later looked at", async () => {
    using pods = await TwoPods.with(open);
    const passed = pods.toServer(packet(40_000, "SYN"));
    expect([passed.action, reasonOf(passed), pods.datapath.kernel.proxyBypassed()]).toEqual([Action.redirect, 0, 1]);
    expect(passed.events[0]?.end[1].verdict).toBe(Verdict.ALLOW);
    pods.toClient(answer(40_000, "SYN", "ACK"));
    const { kernel } = pods.datapath;
    expect(kernel.proxySeen()).toBe(0n);
    const now = kernel.now();
    sayAlive(pods, now, 9);
    expect(kernel.proxySeen()).toBe(now);
    expect(reasonOf(pods.toServer(packet(40_001, "SYN")))).toBe(DropReason.PROXY_LOOKUP_FAILED);
    // What has begun without it goes on, also when policy is asked anew.
    await pods.setPolicy(`${open}\n---\n${http(fromPlain).replace("name: server", "name: other")}`);
    expect(pods.toServer(packet(40_000, "ACK")).action).toBe(Action.redirect);
    expect(pods.datapath.kernel.proxyBypassed()).toBe(1);
  });

  test("does not do so for a rule beside it that does not say so", async () => {
    using pods = await TwoPods.with(`${open}\n---\n${http(get).replace("name: server", "name: other")}`);
    expect(reasonOf(pods.toServer(packet(40_000, "SYN")))).toBe(DropReason.PROXY_LOOKUP_FAILED);
  });

  test("nor is it needed where a rule allows the same without asking anything of requests", async () => {
    using pods = await TwoPods.with(http(`${get}, ${fromPlain}`));
    expect(reasonOf(pods.toServer(packet(40_000, "SYN")))).toBe(0);
  });
});

describe("an ICMP error about what the proxy has sent", () => {
  const quoted = buildIpPacket({ source: client, destination: server, transport: packet(40_000, "SYN") });
  const unreachable: Transport = { kind: "icmp", type: 3, code: 3, quoted };

  test("goes up to its socket, whoever of both ends says it", async () => {
    using pods = await withProxy(get);
    pods.toServer(packet(40_000, "SYN"));
    const outcome = pods.toClient(unreachable);
    expect([outcome.action, outcome.mark >>> 0]).toEqual([Action.next, ProxyMark.TO_PROXY]);
  });

  test("is dropped when policy has cut the connection", async () => {
    using pods = await withProxy(get);
    pods.toServer(packet(40_000, "SYN"));
    await pods.setPolicy(http("{fromEndpoints: [{matchLabels: {app: nobody}}]}"));
    const outcome = pods.toClient(unreachable);
    expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, DropReason.POLICY_DENIED]);
  });
});
