import { beforeEach, expect, test } from "vitest";
import { DropReason } from "#agent/datapath/layouts.gen.ts";
import { Action } from "#test/support/datapath.ts";
import { buildIpPacket, ipv4Checksum } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";
import { fromClient80, reasonOf, serverPolicy, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

const syn = { kind: "tcp", sport: 40_000, dport: 80, flags: ["SYN"] } as const;
const ipv4 = { source: "10.0.0.2", destination: "10.0.0.3" };
const ipv6 = { source: "fd00::2", destination: "fd00::3" };

test("a delivered packet has the receiver's MAC address, one hop less and a right checksum", async () => {
  using pods = await TwoPods.with();
  const { packet } = pods.toServer(syn, { ttl: 64 });
  expect(packet[22]).toBe(63);
  expect(ipv4Checksum(packet)).toBe(0);
  expect(Buffer.from(packet.subarray(0, 12)).toString("hex")).toBe("020000000003060000000003");
  expect(pods.toServer(syn, { ...ipv6, ttl: 64 }).packet[21]).toBe(63);
});

test.each([ipv4, ipv6])("a packet without hops left is dropped: $source", async (ip) => {
  using pods = await TwoPods.with();
  expect(pods.toServer(syn, { ...ip, ttl: 1 }).action).toBe(Action.drop);
  expect(pods.datapath.kernel.counters().some(({ key }) => key.reason === DropReason.TTL_EXCEEDED)).toBe(true);
});

test("IPv6 is judged by the port behind hop-by-hop, routing and destination headers", async () => {
  using pods = await TwoPods.with(serverPolicy(fromClient80));
  const body = new Uint8Array(6);
  const send = (dport: number, numbers: number[]) => {
    const extensions = numbers.map((number) => [number, body] as const);
    const transport = { ...syn, dport };
    return pods.datapath.send(pods.client, pods.datapath.packet(pods.client, { ...ipv6, transport, extensions }));
  };
  expect(send(80, [0, 43, 60]).action).toBe(Action.redirect);
  expect(reasonOf(send(81, [0, 43, 60]))).toBe(DropReason.POLICY_DENIED);
  expect(reasonOf(send(80, [60, 60, 60, 60, 60, 60, 60]))).toBe(DropReason.IPV6_EXTENSION_HEADER);
});

test("an authentication header is walked by its own unit of length", async () => {
  using pods = await TwoPods.with(serverPolicy(fromClient80));
  // 24 bytes, RFC 4302: the length is in units of 4, less 2.
  const send = (dport: number) => {
    const frame = pods.datapath.packet(pods.client, {
      ...ipv6,
      transport: { ...syn, dport },
      extensions: [[51, new Uint8Array(22)]],
    });
    frame[54 + 1] = 4;
    return pods.datapath.send(pods.client, frame);
  };
  expect(send(80).action).toBe(Action.redirect);
  expect(reasonOf(send(81))).toBe(DropReason.POLICY_DENIED);
});

test("a way that the sender prescribes is refused: IPv6 routing header, IPv4 loose and strict route", async () => {
  using pods = await TwoPods.with();
  const segments = Uint8Array.of(0, 1, 0, 0, 0, 0);
  const routed = pods.datapath.packet(pods.client, { ...ipv6, transport: syn, extensions: [[43, segments]] });
  expect(reasonOf(pods.datapath.send(pods.client, routed))).toBe(DropReason.SOURCE_ROUTE);
  const send = (...options: number[]) =>
    pods.datapath.send(pods.client, pods.datapath.packet(pods.client, { ...ipv4, transport: syn, options }));
  expect(reasonOf(send(131, 7, 4, 10, 0, 0, 9, 0))).toBe(DropReason.SOURCE_ROUTE);
  expect(reasonOf(send(1, 1, 1, 137, 7, 4, 10, 0, 0, 9, 0, 0))).toBe(DropReason.SOURCE_ROUTE);
  // Record route, and an end with anything behind it.
  expect(send(7, 7, 4, 0, 0, 0, 0, 0).action).toBe(Action.redirect);
  expect(send(0, 131, 7, 4).action).toBe(Action.redirect);
  expect(reasonOf(send(7, 0, 0, 0))).toBe(DropReason.INVALID_PACKET);
});

test("an ICMP error passes with the connection that it quotes, and only to its sender", async () => {
  using pods = await TwoPods.with(serverPolicy(fromClient80));
  const udp = { kind: "udp", sport: 40_000, dport: 53 } as const;
  const unreachable = (quoted: Uint8Array) => pods.toClient({ kind: "icmp", type: 3, code: 3, quoted });
  const deny = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: client, namespace: default}
spec: {podSelector: {matchLabels: {app: client}}, policyTypes: [Ingress]}`;
  await pods.setPolicy(deny);
  const quoted = buildIpPacket({ ...ipv4, transport: udp });
  expect(unreachable(quoted).action).toBe(Action.drop);
  pods.toServer(udp);
  const related = unreachable(quoted);
  expect([related.action, reasonOf(related)]).toEqual([Action.redirect, null]);
  // Of a connection that the complaining pod has no part in.
  expect(unreachable(buildIpPacket({ source: "10.0.0.2", destination: "10.0.0.9", transport: udp })).action).toBe(
    Action.drop,
  );
});

test("multicast is counted, and tells nobody", async () => {
  using pods = await TwoPods.with();
  for (const destination of ["224.0.0.22", "255.255.255.255"]) {
    const outcome = pods.toServer({ kind: "raw", protocol: 2 }, { destination });
    expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, null]);
  }
  const counted = pods.datapath.kernel.counters().find(({ key }) => key.reason === DropReason.MULTICAST);
  expect(counted?.value.packets).toBe(2n);
  expect(counted?.key.line).toBeGreaterThan(0);
});
