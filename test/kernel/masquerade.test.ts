import { BpfMap } from "libbpf-ts";
import { beforeEach, describe, expect, test } from "vitest";
import { toEntry, toKey } from "#agent/datapath/kernel-endpoints.ts";
import { DropReason, endpointEntry, endpointKey } from "#agent/datapath/layouts.gen.ts";
import { settled } from "#agent/endpoint/guarded-endpoint.ts";
import { listed } from "#test/support/listed.ts";
import { fillChecksum } from "#test/support/checksums.ts";
import { loopback } from "#test/support/datapath.ts";
import {
  echo,
  elsewhere,
  families,
  frameOf,
  Masquerading,
  node,
  office,
  seen,
  tcp,
  udp,
  world,
} from "#test/support/masquerading.ts";
import { buildArp, type Transport } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";

beforeEach(needs("root", "namespaces"));

const mapped = (passed: object): number => ("sport" in passed ? (passed.sport as number) : -1);

describe.each(families)("%s", (family) => {
  const [from, to] = [node[family], world[family]];
  const cases: [string, Transport, Transport, { sport: number; dport: number }][] = [
    ["TCP", tcp(40_000, 80), tcp(80, 40_000, "SYN", "ACK"), { sport: 40_000, dport: 80 }],
    ["UDP", udp(40_000, 53), udp(53, 40_000), { sport: 40_000, dport: 53 }],
    ["an echo", echo(family, "request", 7000), echo(family, "reply", 7000), { sport: 7000, dport: 7000 }],
    [
      "SCTP",
      { kind: "sctp", sport: 36_412, dport: 36_412 },
      { kind: "sctp", sport: 36_412, dport: 36_412 },
      { sport: 36_412, dport: 36_412 },
    ],
    [
      "GRE",
      { kind: "raw", protocol: 47, payload: new Uint8Array(24) },
      { kind: "raw", protocol: 47, payload: new Uint8Array(24) },
      { sport: 0, dport: 0 },
    ],
  ];

  test.each(cases)(
    "%s leaves under the node's address with its own port, and the answer finds back",
    async (_, out, back, ports) => {
      using net = await Masquerading.create();
      const { client } = net.pods;
      expect(net.leave(client, { destination: to, transport: out }, family)).toEqual({ from, to, ...ports });
      expect(net.arrive({ source: to, destination: from, transport: back })).toEqual({
        from: to,
        to: client[family],
        sport: ports.dport,
        dport: ports.sport,
      });
    },
  );

  test.each([
    ["TCP", tcp(40_000, 80), (port: number) => tcp(80, port, "SYN", "ACK")],
    ["UDP", udp(40_000, 80), (port: number) => udp(80, port)],
    ["echoes", echo(family, "request", 40_000), (port: number) => echo(family, "reply", port)],
  ] as const)("two pods with one port to one server get two, of %s", async (_, out, back) => {
    using net = await Masquerading.create();
    const { client, server } = net.pods;
    expect(mapped(net.leave(client, { destination: to, transport: out }, family))).toBe(40_000);
    const other = mapped(net.leave(server, { destination: to, transport: out }, family));
    expect(other).toBeGreaterThanOrEqual(1024);
    expect(other).not.toBe(40_000);
    // The same flow keeps it.
    expect(mapped(net.leave(server, { destination: to, transport: out }, family))).toBe(other);
    expect(net.arrive({ source: to, destination: from, transport: back(40_000) })).toMatchObject({
      to: client[family],
      dport: 40_000,
    });
    expect(net.arrive({ source: to, destination: from, transport: back(other) })).toMatchObject({
      to: server[family],
      dport: 40_000,
    });
    // To another server the port is free.
    expect(mapped(net.leave(server, { destination: elsewhere[family], transport: out }, family))).toBe(40_000);
    expect(net.pods.datapath.kernel.nat.counts()).toMatchObject({ allocated: 3, exhausted: 0 });
    expect(net.pods.datapath.kernel.nat.counts().retries).toBeGreaterThan(0);
  });

  test("excluded destinations, and what is no pod's, are left alone", async () => {
    using net = await Masquerading.create();
    const { client } = net.pods;
    const untouched = { from: client[family], to: office[family], sport: 40_000, dport: 80 };
    expect(net.leave(client, { destination: office[family], transport: tcp(40_000, 80) }, family)).toEqual(untouched);
    const foreign = elsewhere[family];
    expect(net.leaveAs({ source: foreign, destination: to, transport: tcp(1, 80) }, 9)).toMatchObject({
      from: foreign,
    });
    expect(net.leaveAs({ source: from, destination: to, transport: tcp(40_000, 80) }, 0)).toMatchObject({
      from,
      sport: 40_000,
    });
    expect(net.arrive({ source: to, destination: from, transport: tcp(80, 40_000, "ACK") })).toMatchObject({
      to: from,
    });
    expect(net.arrive({ source: to, destination: foreign, transport: tcp(80, 40_000) })).toMatchObject({ to: foreign });
    expect(await listed(net.pods.datapath.kernel.nat)).toEqual([]);
  });

  test("answers of connections that the world began to a pod's own address keep it", async () => {
    using net = await Masquerading.create();
    const { client, datapath } = net.pods;
    const own = client[family] as string;
    for (const [request, answer] of [
      [tcp(5000, 80), tcp(80, 5000, "SYN", "ACK")],
      [echo(family, "request", 77), echo(family, "reply", 77)],
    ] as const) {
      datapath.receive(client, frameOf({ source: to, destination: own, transport: request }), { ingressIfindex: 5 });
      datapath.send(client, datapath.packet(client, { source: own, destination: to, transport: answer }));
      expect(net.leave(client, { destination: to, transport: answer }, family)).toMatchObject({ from: own, to });
    }
  });

  test("what cannot go under another address, or not twice, is dropped with a reason", async () => {
    using net = await Masquerading.create();
    const { client, server } = net.pods;
    const unsupported = { drop: DropReason.NAT_PROTOCOL };
    const raw = (protocol: number): Transport => ({ kind: "raw", protocol, payload: new Uint8Array(24) });
    for (const protocol of [33, 136]) {
      expect(net.leave(client, { destination: to, transport: raw(protocol) }, family)).toEqual(unsupported);
    }
    const timestamp: Transport = { kind: "icmp", type: family === "ipv4" ? 13 : 139 };
    expect(net.leave(client, { destination: to, transport: timestamp }, family)).toEqual(unsupported);
    expect(net.leave(client, { destination: to, transport: echo(family, "reply", 5) }, family)).toEqual(unsupported);
    for (const transport of [raw(47), { kind: "sctp", sport: 5, dport: 6 }] as const) {
      expect(net.leave(client, { destination: to, transport }, family)).toMatchObject({ from });
      expect(net.leave(server, { destination: to, transport }, family)).toEqual(unsupported);
      expect(net.leave(server, { destination: elsewhere[family], transport }, family)).toMatchObject({ from });
    }
  });

  test("no packet leaves under a pod's address", async () => {
    using net = await Masquerading.create();
    const { client } = net.pods;
    const { masquerade } = net.pods.datapath.kernel;
    const nobody = family === "ipv4" ? "10.0.0.77" : "fd00::77";
    const send = (source: string, device: number) =>
      net.leaveAs({ source, destination: to, transport: udp(4000, 53) }, device);
    // Of nobody; of a pod by a device that is not its own; of the node, under its gateway address.
    expect(send(nobody, 5)).toEqual({ drop: DropReason.UNKNOWN_SENDER });
    expect(send(client[family] as string, 5)).toEqual({ drop: DropReason.INVALID_SOURCE_IP });
    expect(send(nobody, 0)).toMatchObject({ from });
    // Without an address a flow that has a mapping keeps it, and no other one begins.
    expect(send(client[family] as string, loopback)).toMatchObject({ from });
    masquerade.setDevices(new Map([[loopback, { ipv4: null, ipv6: null }]]));
    expect(send(client[family] as string, loopback)).toMatchObject({ from });
    expect(net.leave(client, { destination: elsewhere[family], transport: udp(4000, 53) }, family)).toEqual({
      drop: DropReason.NO_EGRESS_IP,
    });
    masquerade.setDevices(new Map());
    expect(net.leave(client, { destination: elsewhere[family], transport: udp(4000, 53) }, family)).toMatchObject({
      from: client[family],
    });
  });

  test("when no port is left it is one clear reason, counted, and other destinations go on", async () => {
    using net = await Masquerading.create({ masqueradeFirst: 40_000, masqueradeLast: 40_003 });
    const { client } = net.pods;
    const send = (sport: number, address: string) =>
      net.leave(client, { destination: address, transport: udp(sport, 53) }, family);
    // A port of the pod's outside the range is not kept.
    const ports = [40_000, 40_002, 50_000, 60_000].map((sport) => mapped(send(sport, to)));
    expect(ports.toSorted()).toEqual([40_000, 40_001, 40_002, 40_003]);
    expect(send(50_001, to)).toEqual({ drop: DropReason.NAT_NO_MAPPING });
    expect(send(40_000, to)).toMatchObject({ from });
    expect(send(50_001, elsewhere[family])).toMatchObject({ from });
    expect(net.pods.datapath.kernel.nat.counts()).toMatchObject({ allocated: 5, exhausted: 1 });
  });
});

test("an IPv4 UDP packet without checksum stays without one", async () => {
  using net = await Masquerading.create({ masqueradeFirst: 50_000, masqueradeLast: 50_003 });
  const { client } = net.pods;
  const out = net.leaveRaw(
    frameOf({ source: client.ipv4 as string, destination: world.ipv4, transport: udp(40_000, 53) }),
    loopback,
  );
  expect(seen(out)).toMatchObject({ from: node.ipv4 });
  expect([out[40], out[41]]).toEqual([0, 0]);
});

test("a packet that comes by two devices of the node, one above the other, is masqueraded once", async () => {
  using net = await Masquerading.create();
  const { client } = net.pods;
  const packet = { source: client.ipv4 as string, destination: world.ipv4, transport: udp(40_000, 53) };
  const above = net.leaveRaw(fillChecksum(frameOf(packet)), loopback);
  expect(net.leaveRaw(above, loopback)).toEqual(above);
  expect(net.pods.datapath.kernel.nat.counts().allocated).toBe(1);
});

test("what is no IP is left alone", async () => {
  using net = await Masquerading.create();
  const arp = buildArp({ sourceMac: "02:00:00:00:00:77", senderIp: node.ipv4, targetIp: world.ipv4 });
  expect([net.leaveRaw(arp, 0), net.arriveRaw(arp)]).toEqual([arp, arp]);
});

test("a pod's packet is held back while its record changes", async () => {
  using net = await Masquerading.create();
  const { client, datapath, enforcement } = net.pods;
  using handle = datapath.openMap("endpoints");
  const slot = enforcement.views.slotOf(client.id)?.slot as number;
  const other = toEntry(settled({ ...client, id: 9, incarnation: 9 }, slot), "10.0.0.9");
  new BpfMap(handle, endpointKey, endpointEntry).set(toKey(client.ipv4 as string), other);
  const dropped = net.leave(client, { destination: world.ipv4, transport: udp(40_000, 53) });
  expect(dropped).toEqual({ drop: DropReason.ENDPOINT_NOT_READY });
});
