import { beforeEach, describe, expect, test } from "vitest";
import { Traffic } from "#agent/local/traffic.ts";
import { listed } from "#test/support/listed.ts";
import { hostPolicy } from "#test/support/object-text.ts";
import { echo, families, Masquerading, node, tcp, udp, world } from "#test/support/masquerading.ts";
import { needs } from "#test/support/requirement.ts";

beforeEach(needs("root", "namespaces"));

const portOf = (passed: object): number => ("sport" in passed ? (passed.sport as number) : -1);
/** Forwarded for somebody, to whom other NAT gave the node's address. */
const forwarded = 9;

describe.each(families)("%s", (family) => {
  const [own, to] = [node[family], world[family]];

  test("no mapping is made where a socket of the node is", async () => {
    using net = await Masquerading.create();
    await using traffic = new Traffic(net.namespace, () => ({ [Symbol.dispose]: () => undefined }));
    await traffic.serve("UDP", 62_000);
    await traffic.serve("TCP", 62_000);
    const { client } = net.pods;
    for (const packet of [udp, tcp]) {
      expect(portOf(net.leave(client, { destination: to, transport: packet(62_000, 80) }, family))).not.toBe(62_000);
      expect(portOf(net.leave(client, { destination: to, transport: packet(62_001, 80) }, family))).toBe(62_001);
    }
  });

  test("a flow of the node's that begins where a pod's mapping is takes another port, and each gets its answers", async () => {
    using net = await Masquerading.create();
    const { client, datapath } = net.pods;
    for (const [out, back] of [
      [udp, (port: number) => udp(53, port)],
      [tcp, (port: number) => tcp(53, port, "SYN", "ACK")],
    ] as const) {
      expect(portOf(net.leaveAs({ source: own, destination: to, transport: out(40_001, 53) }, 0))).toBe(40_001);
      net.leave(client, { destination: to, transport: out(40_000, 53) }, family);
      const port = portOf(net.leaveAs({ source: own, destination: to, transport: out(40_000, 53) }, 0));
      expect(port).not.toBe(40_000);
      expect(portOf(net.leaveAs({ source: own, destination: to, transport: out(40_000, 53) }, 0))).toBe(port);
      const arrive = (at: number) => net.arrive({ source: to, destination: own, transport: back(at) });
      expect(arrive(port)).toEqual({ from: to, to: own, sport: 53, dport: 40_000 });
      expect(arrive(40_000)).toMatchObject({ to: client[family] });
      expect(arrive(40_001)).toMatchObject({ to: own, dport: 40_001 });
    }
    // The node's flow without a clash took no entry.
    const ports = (await listed(datapath.kernel.nat)).map(({ owner, ownerPort }) => `${owner} ${ownerPort}`);
    expect(ports.filter((text) => text.startsWith(own)).every((text) => text.endsWith(" 40000"))).toBe(true);
  });

  test("echoes of the node and of a pod with one identifier do not meet, whoever is first", async () => {
    using net = await Masquerading.create();
    const { client } = net.pods;
    const ask = (id: number, isNode: boolean) =>
      isNode
        ? net.leaveAs({ source: own, destination: to, transport: echo(family, "request", id) }, 0)
        : net.leave(client, { destination: to, transport: echo(family, "request", id) }, family);
    for (const nodeFirst of [true, false]) {
      const id = nodeFirst ? 7000 : 8000;
      expect(portOf(ask(id, nodeFirst))).toBe(id);
      expect(portOf(ask(id, nodeFirst))).toBe(id);
      const other = portOf(ask(id, !nodeFirst));
      expect(other).not.toBe(id);
      const reply = (at: number) => net.arrive({ source: to, destination: own, transport: echo(family, "reply", at) });
      expect(reply(id)).toMatchObject({ to: nodeFirst ? own : client[family], dport: id });
      expect(reply(other)).toMatchObject({ to: nodeFirst ? client[family] : own, dport: id });
    }
    // A request of the world's with such an identifier is for the node.
    expect(net.arrive({ source: to, destination: own, transport: echo(family, "request", 8000) })).toMatchObject({
      to: own,
    });
    expect(net.leaveAs({ source: own, destination: to, transport: echo(family, "reply", 8000) }, 0)).toMatchObject({
      sport: 8000,
    });
  });

  test("what other NAT sends under the node's address keeps its port, and no pod gets that", async () => {
    using net = await Masquerading.create();
    const { client } = net.pods;
    expect(net.leaveAs({ source: own, destination: to, transport: tcp(40_000, 80) }, forwarded)).toMatchObject({
      sport: 40_000,
    });
    expect(portOf(net.leave(client, { destination: to, transport: tcp(40_000, 80) }, family))).not.toBe(40_000);
    expect(net.arrive({ source: to, destination: own, transport: tcp(80, 40_000, "SYN", "ACK") })).toMatchObject({
      to: own,
      dport: 40_000,
    });
  });

  test("the node's own policy speaks of the node only, and answers for pods pass it", async () => {
    using net = await Masquerading.create();
    const { client } = net.pods;
    await net.pods.setPolicy(hostPolicy({ ingress: [{}], egress: [{}] }));
    expect(net.leave(client, { destination: to, transport: tcp(40_000, 80) }, family)).toMatchObject({ from: own });
    expect(net.arrive({ source: to, destination: own, transport: tcp(80, 40_000, "SYN", "ACK") })).toMatchObject({
      to: client[family],
    });
    expect(net.arrive({ source: to, destination: own, transport: tcp(80, 40_001, "SYN", "ACK") })).toHaveProperty(
      "drop",
    );
    expect(net.leaveAs({ source: own, destination: to, transport: tcp(40_000, 80) }, 0)).toHaveProperty("drop");
  });
});
