import { beforeEach, describe, expect, test } from "vitest";
import { DropReason } from "#agent/datapath/layouts.gen.ts";
import { until } from "#agent/local/until.ts";
import { settled } from "#agent/endpoint/guarded-endpoint.ts";
import { Action, type Outcome } from "#test/support/datapath.ts";
import { buildArp, buildIpPacket, type PacketSpec, type Transport } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";
import { reasonOf, serverPolicy, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

/** A device of the node by which packets of the world come. */
const outside = { ingressIfindex: 1 };
const udp = (sport: number, dport: number): Transport => ({ kind: "udp", sport, dport });
const world = { source: "192.0.2.1", destination: "10.0.0.3" };
const world6 = { source: "2001:db8::1", destination: "fd00::3" };
const quoting = (source: string, destination: string, transport: Transport): Transport => ({
  kind: "icmp",
  type: source.includes(":") ? 1 : 3,
  quoted: buildIpPacket({ source, destination, transport }),
});

/** The host's stack sends a packet to the server. */
function receive(pods: TwoPods, ip: Omit<PacketSpec, "sourceMac" | "destinationMac">, context = outside): Outcome {
  return pods.datapath.receive(pods.server, pods.datapath.packet(pods.server, ip), context);
}

/** The server sends a packet to anybody. */
function send(pods: TwoPods, ip: Omit<PacketSpec, "sourceMac" | "destinationMac">): Outcome {
  return pods.datapath.send(pods.server, pods.datapath.packet(pods.server, ip));
}

const dropped = (outcome: Outcome, reason: number | null): void =>
  expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, reason]);

describe("what the host's stack sends to a pod", () => {
  test("is dropped where it is for another address, of multicast without a word", async () => {
    using pods = await TwoPods.with();
    for (const destination of ["10.0.0.2", "10.0.0.99"]) {
      dropped(receive(pods, { ...world, destination, transport: udp(1, 2) }), DropReason.ENDPOINT_NOT_READY);
    }
    dropped(receive(pods, { ...world, destination: "224.0.0.251", transport: udp(5353, 5353) }), null);
    dropped(receive(pods, { ...world6, destination: "ff02::fb", transport: udp(5353, 5353) }), null);
    const reasons = pods.datapath.kernel.counters().map(({ key }) => key.reason);
    expect(reasons).toContain(DropReason.MULTICAST);
  });

  test("is dropped where it is malformed", async () => {
    using pods = await TwoPods.with();
    const stub: Transport = { kind: "raw", protocol: 17, payload: new Uint8Array(4) };
    dropped(receive(pods, { ...world, transport: stub }), DropReason.INVALID_PACKET);
    dropped(receive(pods, { ...world6, transport: stub }), DropReason.INVALID_PACKET);
  });

  test("passes unjudged where it is the node's own ARP or neighbour discovery", async () => {
    using pods = await TwoPods.with(serverPolicy("[]"));
    const { server, datapath } = pods;
    const arp = buildArp({ sourceMac: server.hostMac, senderIp: "10.0.0.254", targetIp: "10.0.0.3" });
    expect(datapath.receive(server, arp).action).toBe(Action.next);
    const solicitation: Transport = { kind: "icmp", type: 135, quoted: new Uint8Array(20) };
    const own = { source: "fe80::1", destination: "ff02::1:ff00:3", transport: solicitation };
    expect(receive(pods, own, { ingressIfindex: 0 }).action).toBe(Action.next);
    dropped(receive(pods, own), null);
  });

  test("is judged in fragments by what its first one said", async () => {
    using pods = await TwoPods.with(serverPolicy("[{ports: [{port: 53, protocol: UDP}]}]"));
    const rest: Transport = { kind: "raw", protocol: 17, payload: new Uint8Array(64) };
    const parts = (dport: number, id: number): Outcome[] => [
      receive(pods, { ...world, transport: udp(40_000, dport), id, fragment: 0x2000 }),
      receive(pods, { ...world, transport: rest, id, fragment: 8 }),
    ];
    expect(parts(53, 1).map(({ action }) => action)).toEqual([Action.next, Action.next]);
    for (const outcome of parts(54, 2)) dropped(outcome, DropReason.POLICY_DENIED);
  });

  test("is cut off where the pod's policy slot is missing, not open", async () => {
    using pods = await TwoPods.with();
    pods.datapath.kernel.endpoints.write(settled(pods.server, 4_000_000));
    dropped(receive(pods, { ...world, transport: udp(1, 2) }), DropReason.ENDPOINT_NOT_READY);
  });
});

describe("an ICMP error between a pod and the world", () => {
  test.each([
    ["IPv4", world],
    ["IPv6", world6],
  ])("of %s reaches the pod with the connection that it quotes, and no other", async (_, ip) => {
    using pods = await TwoPods.with(serverPolicy("[]"));
    const own = { source: ip.destination, destination: ip.source };
    const error = quoting(own.source, own.destination, udp(40_000, 53));
    const fromRouter = { ...ip, transport: error };
    dropped(receive(pods, fromRouter), DropReason.POLICY_DENIED);
    expect(send(pods, { ...own, transport: udp(40_000, 53) }).action).toBe(Action.next);
    expect(receive(pods, fromRouter).action).toBe(Action.next);
    const other = quoting(own.source, own.destination, udp(40_001, 53));
    dropped(receive(pods, { ...ip, transport: other }), DropReason.POLICY_DENIED);
  });

  test("leaves the pod by the host's stack", async () => {
    const closed = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: default}
spec: {podSelector: {matchLabels: {app: server}}, policyTypes: [Egress]}`;
    using pods = await TwoPods.with(closed);
    const own = { source: world.destination, destination: world.source };
    const error = { ...own, transport: quoting(world.source, world.destination, udp(40_000, 53)) };
    dropped(send(pods, error), DropReason.POLICY_DENIED);
    expect(receive(pods, { ...world, transport: udp(40_000, 53) }).action).toBe(Action.next);
    expect(send(pods, error).action).toBe(Action.next);
  });

  test("stops with its connection when policy denies that", async () => {
    using pods = await TwoPods.with();
    const own = { source: world.destination, destination: world.source };
    send(pods, { ...own, transport: udp(40_000, 53) });
    const error = { ...world, transport: quoting(own.source, own.destination, udp(40_000, 53)) };
    expect(receive(pods, error).action).toBe(Action.next);
    await pods.setPolicy(serverPolicy("[]").replace("policyTypes: [Ingress]", "policyTypes: [Ingress, Egress]"));
    dropped(receive(pods, error), DropReason.POLICY_DENIED);
  });
});

test("an ICMP error stops when its connection's rule has ended, and is judged for itself when the pod has gone", async () => {
  using pods = await TwoPods.with();
  const { end, wall } = pods.instantIn(200);
  await pods.setPolicy(
    serverPolicy("[{ports: [{port: 53, protocol: UDP}]}]").replace(
      "namespace: default}",
      `namespace: default, annotations: {weir.io/not-after: '${new Date(wall).toISOString()}'}}`,
    ),
  );
  expect(receive(pods, { ...world, transport: udp(40_000, 53) }).action).toBe(Action.next);
  const own = { source: world.destination, destination: world.source };
  const error = { ...own, transport: quoting(world.source, world.destination, udp(40_000, 53)) };
  expect(reasonOf(send(pods, error))).toBe(null);
  await until("the rule's end", () => pods.datapath.kernel.now() >= end);
  dropped(send(pods, error), DropReason.POLICY_DENIED);
  await pods.setPolicy("");
  expect(reasonOf(send(pods, error))).toBe(null);
  // The same address, another incarnation: the connection is not its own.
  pods.enforcement.remove(pods.server.id);
  const successor = { ...pods.server, incarnation: 99 };
  await pods.enforcement.add(successor);
  const alone = pods.datapath.send(successor, pods.datapath.packet(successor, error));
  expect([alone.action, reasonOf(alone)]).toEqual([Action.next, 0]);
});

describe("an ICMP error that cannot be read is dropped", () => {
  const whole = buildIpPacket({ source: "10.0.0.3", destination: "192.0.2.1", transport: udp(40_000, 53) });
  test.each([
    ["without a whole header in it", { ...world, transport: { kind: "icmp", type: 3, quoted: whole.slice(0, 12) } }],
    ["without ports in it", { ...world, transport: { kind: "icmp", type: 3, quoted: whole.slice(0, 22) } }],
    ["with another header in it", { ...world, transport: { kind: "icmp", type: 3, quoted: whole.with(0, 0x65) } }],
    ["with half an IPv6 header", { ...world6, transport: { kind: "icmp", type: 1, quoted: new Uint8Array(20) } }],
  ] as const)("%s", async (_, ip) => {
    using pods = await TwoPods.with();
    dropped(receive(pods, ip), DropReason.INVALID_PACKET);
  });

  const own = { source: world.destination, destination: world.source };
  const datagram = { ...own, transport: udp(40_000, 53) };
  test.each([
    ["a later fragment", { ...datagram, fragment: 8 }],
    ["what another pod sent", { ...datagram, source: "10.0.0.2" }],
  ])("but one that quotes %s is judged for itself", async (_, quoted) => {
    using pods = await TwoPods.with(serverPolicy("[]"));
    send(pods, datagram);
    const transport = { kind: "icmp", type: 3, quoted: buildIpPacket(quoted) } as const;
    dropped(receive(pods, { ...world, transport }), DropReason.POLICY_DENIED);
  });
});
