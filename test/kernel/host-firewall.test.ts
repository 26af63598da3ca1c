import { beforeEach, expect, test } from "vitest";
import { DropReason, SourceFile } from "#agent/datapath/layouts.gen.ts";
import type { HostFailsafe } from "#policy/model/failsafe.ts";
import { listed } from "#test/support/listed.ts";
import { Action, type Outcome } from "#test/support/datapath.ts";
import { hostPolicy, ports } from "#test/support/object-text.ts";
import {
  buildArp,
  buildIpPacket,
  buildPacket,
  buildSolicitation,
  type PacketSpec,
  type TcpFlag,
} from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";
import { reasonOf, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

const node = { ipv4: "10.0.0.254", ipv6: "fd00::fe" } as const;
const world = { ipv4: "192.0.2.7", ipv6: "2001:db8::7" } as const;
const families = ["ipv4", "ipv6"] as const;
const macs = { sourceMac: "02:00:00:00:00:77", destinationMac: "02:00:00:00:00:78" } as const;

const closed = hostPolicy({ ingress: [{}], egress: [{}] });
const failsafe: HostFailsafe = {
  inbound: [{ protocol: "TCP", first: 22, last: 22 }],
  outbound: [{ protocol: "UDP", first: 53, last: 53 }],
};

type Ip = Omit<PacketSpec, keyof typeof macs>;
const frame = (spec: Ip): Uint8Array => buildPacket({ ...macs, ...spec });
const tcp = (sport: number, dport: number, ...flags: TcpFlag[]): PacketSpec["transport"] => {
  return { kind: "tcp", sport, dport, flags: flags.length > 0 ? flags : ["SYN"] };
};
const udp = (sport: number, dport: number) => ({ kind: "udp", sport, dport }) as const;

/** Who sends to whom, of one family. */
const toNode = (family: "ipv4" | "ipv6") => ({ source: world[family], destination: node[family] });
const toWorld = (family: "ipv4" | "ipv6") => ({ source: node[family], destination: world[family] });

const outcomeOf = (outcome: Outcome): [number, number | null] => [outcome.action, reasonOf(outcome)];
const passes = [Action.next, 0];
const passesUntold = [Action.next, null];
const denied = [Action.drop, DropReason.POLICY_DENIED];

test("without a policy about nodes nothing of theirs is judged", async () => {
  using pods = await TwoPods.with();
  for (const family of families) {
    expect(outcomeOf(pods.datapath.arrive(frame({ ...toNode(family), transport: tcp(40_000, 80) })))).toEqual(
      passesUntold,
    );
    expect(outcomeOf(pods.datapath.leave(frame({ ...toWorld(family), transport: tcp(40_000, 80) })))).toEqual(
      passesUntold,
    );
  }
  expect(await listed(pods.datapath.kernel.connections)).toEqual([]);
  expect([...pods.datapath.kernel.endpoints.read().keys()].sort()).toEqual([pods.client.id, pods.server.id]);
});

test.each(families)(
  "the world reaches over %s what the node's ingress policy allows, and gets its answers",
  async (family) => {
    const only80 = hostPolicy({ ingress: [{ fromEntities: ["world"], toPorts: ports(80) }], egress: [{}] });
    using pods = await TwoPods.with(only80);
    const { datapath } = pods;
    const dropped = datapath.arrive(frame({ ...toNode(family), transport: tcp(40_000, 81) }));
    expect(outcomeOf(dropped)).toEqual(denied);
    expect(dropped.events[0]).toMatchObject({ hook: 3, end: [{ identity: 2 }, { identity: 1, endpoint: 65_536 }] });
    const opened = datapath.arrive(frame({ ...toNode(family), transport: tcp(40_000, 80) }));
    expect(outcomeOf(opened)).toEqual(passes);
    expect(opened.events[0]).toMatchObject({ hook: 3, isReply: 0 });
    expect(outcomeOf(datapath.leave(frame({ ...toWorld(family), transport: tcp(80, 40_000, "SYN", "ACK") })))).toEqual(
      passesUntold,
    );
    const unasked = datapath.leave(frame({ ...toWorld(family), transport: tcp(80, 40_001, "SYN", "ACK") }));
    expect(outcomeOf(unasked)).toEqual(denied);
  },
);

test.each(families)("the node reaches over %s what its egress policy allows, and gets its answers", async (family) => {
  using pods = await TwoPods.with(
    hostPolicy({ ingress: [{}], egress: [{ toEntities: ["world"], toPorts: ports(443) }] }),
  );
  const { datapath } = pods;
  expect(outcomeOf(datapath.leave(frame({ ...toWorld(family), transport: tcp(40_000, 80) })))).toEqual(denied);
  expect(outcomeOf(datapath.leave(frame({ ...toWorld(family), transport: tcp(40_000, 443) })))).toEqual(passes);
  const answer = frame({ ...toNode(family), transport: tcp(443, 40_000, "SYN", "ACK") });
  expect(outcomeOf(datapath.arrive(answer))).toEqual(passesUntold);
});

test("a change of the node's policy reaches its connections at their next packet, both ways", async () => {
  using pods = await TwoPods.with(hostPolicy({ ingress: [{ fromEntities: ["world"] }] }));
  const { datapath } = pods;
  const request = frame({ ...toNode("ipv4"), transport: tcp(40_000, 80) });
  const answer = frame({ ...toWorld("ipv4"), transport: tcp(80, 40_000, "ACK") });
  expect(datapath.arrive(request).action).toBe(Action.next);
  expect(datapath.leave(answer).action).toBe(Action.next);
  await pods.setPolicy(closed);
  expect(outcomeOf(datapath.leave(answer))).toEqual(denied);
  expect(outcomeOf(datapath.arrive(frame({ ...toNode("ipv4"), transport: tcp(40_000, 80, "ACK") })))).toEqual(denied);
  await pods.setPolicy("");
  expect(outcomeOf(datapath.leave(answer))).toEqual(passesUntold);
});

test("the failsafe stays open whatever the node's policies deny, and only that", async () => {
  const all = hostPolicy({ ingressDeny: [{ fromEntities: ["all"] }], egressDeny: [{ toEntities: ["all"] }] });
  using pods = await TwoPods.with();
  await pods.setPolicy(all, { hostFailsafe: failsafe });
  const { datapath } = pods;
  const byRule = [Action.drop, DropReason.POLICY_DENIED_BY_RULE];
  for (const family of families) {
    expect(outcomeOf(datapath.arrive(frame({ ...toNode(family), transport: tcp(40_000, 22) })))).toEqual(passes);
    expect(outcomeOf(datapath.leave(frame({ ...toWorld(family), transport: tcp(22, 40_000, "SYN", "ACK") })))).toEqual(
      passesUntold,
    );
    expect(outcomeOf(datapath.leave(frame({ ...toWorld(family), transport: udp(40_000, 53) })))).toEqual(passes);
    expect(outcomeOf(datapath.arrive(frame({ ...toNode(family), transport: tcp(40_000, 23) })))).toEqual(byRule);
    expect(outcomeOf(datapath.leave(frame({ ...toWorld(family), transport: tcp(40_000, 22) })))).toEqual(byRule);
  }
  const fromPod = datapath.packet(pods.client, { source: "10.0.0.2", destination: node.ipv4, transport: tcp(1, 22) });
  expect(outcomeOf(datapath.send(pods.client, fromPod))).toEqual(passes);
});

test("a flood takes the node's other ports, and not its failsafe", async () => {
  using pods = await TwoPods.with("", { config: { openingBudget: 2n } });
  await pods.setPolicy(hostPolicy({ ingress: [{ fromEntities: ["world"] }] }), { hostFailsafe: failsafe });
  const open = (sport: number, dport: number): number | null =>
    reasonOf(pods.datapath.arrive(frame({ ...toNode("ipv4"), transport: tcp(sport, dport) })));
  expect([1, 2, 3].map((sport) => open(sport, 80))).toEqual([0, 0, DropReason.CONNTRACK_INSERT_FAILED]);
  expect([1, 2, 3].map((sport) => open(sport, 22))).toEqual([0, 0, 0]);
});

test("pods and the node are judged at both their ends", async () => {
  using pods = await TwoPods.with(hostPolicy({ ingress: [{ fromEndpoints: [{}], toPorts: ports(80) }], egress: [{}] }));
  const { datapath, client } = pods;
  const toHost = (transport: PacketSpec["transport"]): Outcome =>
    datapath.send(client, datapath.packet(client, { source: "10.0.0.2", destination: node.ipv4, transport }));
  const fromHost = (transport: PacketSpec["transport"]): Outcome =>
    datapath.receive(client, frame({ source: node.ipv4, destination: "10.0.0.2", transport }), { ingressIfindex: 0 });
  expect(outcomeOf(toHost(tcp(40_000, 81)))).toEqual(denied);
  expect(outcomeOf(toHost(tcp(40_000, 80)))).toEqual(passes);
  expect(outcomeOf(fromHost(tcp(80, 40_000, "SYN", "ACK")))).toEqual(passesUntold);
  expect(outcomeOf(fromHost(tcp(50_000, 80)))).toEqual(denied);
  await pods.setPolicy(hostPolicy({ ingress: [{}] }));
  expect(outcomeOf(toHost(tcp(40_000, 80, "ACK")))).toEqual(denied);
  expect(outcomeOf(fromHost(tcp(50_000, 80)))).toEqual(passes);
  expect(outcomeOf(toHost(tcp(80, 50_000, "SYN", "ACK")))).toEqual(passesUntold);
});

test("what the node forwards is not its own, also under its address", async () => {
  using pods = await TwoPods.with(closed);
  const { datapath } = pods;
  const forwarded = { ingressIfindex: 7 };
  const ofPod = frame({ source: "10.0.0.2", destination: world.ipv4, transport: tcp(40_000, 80) });
  expect(outcomeOf(datapath.leave(ofPod, forwarded))).toEqual(passesUntold);
  expect(
    outcomeOf(datapath.arrive(frame({ source: world.ipv4, destination: "10.0.0.2", transport: tcp(80, 1) }))),
  ).toEqual(passesUntold);
  const masqueraded = frame({ ...toWorld("ipv4"), transport: tcp(40_000, 80) });
  const answer = frame({ ...toNode("ipv4"), transport: tcp(80, 40_000, "SYN", "ACK") });
  expect(outcomeOf(datapath.arrive(answer))).toEqual(denied);
  expect(outcomeOf(datapath.leave(masqueraded, forwarded))).toEqual(passes);
  expect(outcomeOf(datapath.arrive(answer))).toEqual(passesUntold);
  await pods.setPolicy(hostPolicy({ egressDeny: [{ toEntities: ["all"] }], ingress: [{}] }));
  expect(datapath.arrive(answer).action).toBe(Action.next);
  expect(datapath.leave(masqueraded, forwarded).action).toBe(Action.next);
});

test("nobody outside sends as the node, or as one of its pods", async () => {
  using pods = await TwoPods.with(hostPolicy({ ingress: [{ fromEntities: ["all"] }] }));
  for (const source of [node.ipv4, "10.0.0.2"]) {
    const outcome = pods.datapath.arrive(frame({ source, destination: node.ipv4, transport: tcp(40_000, 80) }));
    expect(outcomeOf(outcome)).toEqual([Action.drop, DropReason.INVALID_SOURCE_IP]);
    expect(outcome.events[0]?.file).toBe(SourceFile.HOST);
  }
});

test("what a link needs passes under any policy", async () => {
  using pods = await TwoPods.with(closed);
  const { datapath } = pods;
  const discovery = (type: number): PacketSpec["transport"] => ({ kind: "icmp", type });
  const received: Uint8Array[] = [
    buildArp({ sourceMac: macs.sourceMac, senderIp: world.ipv4, targetIp: node.ipv4 }),
    buildSolicitation({ sourceMac: macs.sourceMac, source: "fe80::7", target: node.ipv6 }),
    ...[133, 134, 135, 136, 137].map((type) => frame({ ...toNode("ipv6"), transport: discovery(type) })),
    frame({ source: "0.0.0.0", destination: "255.255.255.255", transport: udp(68, 67) }),
    frame({ source: world.ipv4, destination: "224.0.0.1", transport: { kind: "raw", protocol: 2 } }),
    frame({ source: "fe80::7", destination: "ff02::1", transport: { kind: "icmp", type: 130 } }),
  ];
  for (const one of received) expect(outcomeOf(datapath.arrive(one))).toEqual(passesUntold);
  const sent: Uint8Array[] = [
    buildArp({ sourceMac: macs.sourceMac, senderIp: node.ipv4, targetIp: world.ipv4 }),
    ...[133, 135, 136].map((type) => frame({ ...toWorld("ipv6"), transport: discovery(type) })),
    frame({ source: node.ipv6, destination: "ff02::16", transport: { kind: "icmp", type: 143 } }),
    frame({ source: node.ipv4, destination: "224.0.0.22", transport: { kind: "raw", protocol: 2 } }),
    frame({ source: "0.0.0.0", destination: "255.255.255.255", transport: udp(68, 67) }),
  ];
  for (const one of sent) expect(outcomeOf(datapath.leave(one))).toEqual(passesUntold);
  // Another message of the same protocol does not.
  expect(outcomeOf(datapath.arrive(frame({ ...toNode("ipv6"), transport: { kind: "icmp", type: 128 } })))).toEqual(
    denied,
  );
});

test("an ICMP error passes with the node's connection that it quotes, or as a router's own", async () => {
  using pods = await TwoPods.with(
    hostPolicy({ ingress: [{}], egress: [{ toEntities: ["world"], toPorts: ports(443) }] }),
  );
  const { datapath } = pods;
  const error = (quoted: Ip, way: { source: string; destination: string }): Uint8Array =>
    frame({ ...way, transport: { kind: "icmp", type: 3, code: 4, quoted: buildIpPacket(quoted) } });
  const own = { ...toWorld("ipv4"), transport: tcp(40_000, 443) };
  expect(outcomeOf(datapath.arrive(error(own, toNode("ipv4"))))).toEqual(denied);
  expect(outcomeOf(datapath.leave(frame(own)))).toEqual(passes);
  expect(outcomeOf(datapath.arrive(error(own, toNode("ipv4"))))).toEqual(passesUntold);
  const forwarded = { source: world.ipv4, destination: "198.51.100.9", transport: tcp(40_000, 80) };
  expect(outcomeOf(datapath.leave(error(forwarded, toWorld("ipv4"))))).toEqual(passesUntold);
  expect(outcomeOf(datapath.leave(error({ ...toNode("ipv4"), transport: tcp(1, 80) }, toWorld("ipv4"))))).toEqual(
    denied,
  );
});

test("later fragments are judged like the first", async () => {
  using pods = await TwoPods.with(hostPolicy({ ingress: [{ fromEntities: ["world"], toPorts: ports(80) }] }));
  const { datapath } = pods;
  const fragment = (id: number, dport: number, offset: number): Uint8Array =>
    frame({ ...toNode("ipv4"), transport: tcp(40_000, dport), size: 80, id, fragment: offset });
  expect(outcomeOf(datapath.arrive(fragment(1, 80, 20)))).toEqual([Action.drop, DropReason.FRAGMENT_FIRST_MISSING]);
  expect(datapath.arrive(fragment(1, 80, 0x2000)).action).toBe(Action.next);
  expect(datapath.arrive(fragment(1, 0, 20)).action).toBe(Action.next);
  expect(outcomeOf(datapath.arrive(fragment(2, 81, 0x2000)))).toEqual(denied);
  expect(outcomeOf(datapath.arrive(fragment(2, 0, 20)))).toEqual(denied);
});

test("the node's addresses are judged from when they are its own to when they are not", async () => {
  using pods = await TwoPods.with(closed);
  const to = (destination: string): [number, number | null] =>
    outcomeOf(pods.datapath.arrive(frame({ source: world.ipv4, destination, transport: tcp(40_000, 80) })));
  expect([to(node.ipv4), to("198.51.100.1")]).toEqual([denied, passesUntold]);
  pods.enforcement.setNodeAddresses(["198.51.100.1"]);
  expect([to(node.ipv4), to("198.51.100.1")]).toEqual([passesUntold, denied]);
  await pods.setPolicy("");
  expect(to("198.51.100.1")).toEqual(passesUntold);
});

test("a malformed packet for the node is dropped with its reason; one that it forwards is not looked into", async () => {
  using pods = await TwoPods.with(closed);
  const cut = (destination: string): Uint8Array =>
    frame({ source: world.ipv4, destination, transport: { kind: "raw", protocol: 6, payload: new Uint8Array(3) } });
  expect(outcomeOf(pods.datapath.arrive(cut(node.ipv4)))).toEqual([Action.drop, DropReason.INVALID_PACKET]);
  expect(outcomeOf(pods.datapath.arrive(cut("198.51.100.1")))).toEqual(passesUntold);
});

test("what the node sends malformed is dropped, and so is an error that quotes nothing", async () => {
  using pods = await TwoPods.with(closed);
  const { datapath } = pods;
  const cut = { kind: "raw", protocol: 6, payload: new Uint8Array(3) } as const;
  const invalid = [Action.drop, DropReason.INVALID_PACKET];
  expect(outcomeOf(datapath.leave(frame({ ...toWorld("ipv4"), transport: cut })))).toEqual(invalid);
  const error = { kind: "icmp", type: 3, quoted: new Uint8Array(4) } as const;
  expect(outcomeOf(datapath.arrive(frame({ ...toNode("ipv4"), transport: error })))).toEqual(invalid);
});

test("the node's broadcast is its word to itself, and the world's is judged", async () => {
  using pods = await TwoPods.with(closed);
  const broadcast = "10.0.0.255";
  pods.enforcement.setNodeAddresses([node.ipv4, broadcast]);
  const to = (source: string): Uint8Array => frame({ source, destination: broadcast, transport: udp(1, 2) });
  expect(outcomeOf(pods.datapath.leave(to(node.ipv4)))).toEqual(passes);
  expect(outcomeOf(pods.datapath.arrive(to(world.ipv4)))).toEqual(denied);
});

test("loopback addresses and tags behind a tag of VLAN 0 are taken from nobody outside, with or without a policy", async () => {
  for (const policy of ["", closed]) {
    using pods = await TwoPods.with(policy);
    const drop = (data: Uint8Array) => outcomeOf(pods.datapath.arrive(data));
    for (const [source, destination] of [
      [world.ipv4, "127.0.0.1"],
      ["127.0.0.1", node.ipv4],
    ] as const) {
      const dropped = drop(frame({ source, destination, transport: tcp(40_000, 80) }));
      expect(dropped).toEqual([Action.drop, DropReason.UNROUTABLE]);
    }
    // A test run takes off no tag: this is what a program sees behind one of VLAN 0.
    const plain = frame({ ...toNode("ipv4"), transport: tcp(40_000, 80) });
    for (const type of [0x81_00, 0x88_a8]) {
      const tag = Uint8Array.of(type >> 8, type & 255, 0, 0);
      const tagged = new Uint8Array(Buffer.concat([plain.subarray(0, 12), tag, plain.subarray(12)]));
      expect(drop(tagged)).toEqual([Action.drop, DropReason.UNSUPPORTED_L3]);
    }
  }
});
