import { cpus } from "node:os";
import { BpfMap } from "libbpf-ts";
import { beforeEach, expect, test } from "vitest";
import { encodeAddress } from "#agent/datapath/address.ts";
import { nat4Key, natEntry, NatSide } from "#agent/datapath/layouts.gen.ts";
import { MapPressure } from "#agent/node/map-pressure.ts";
import type { GuardedEndpoint } from "#agent/endpoint/guarded-endpoint.ts";
import { listed } from "#test/support/listed.ts";
import { families, Masquerading, node, udp, world } from "#test/support/masquerading.ts";
import type { TcpFlag } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";
import { sized } from "#test/support/size.ts";

beforeEach(needs("root", "namespaces"));

const seconds = 1_000_000_000n;
const portOf = (passed: object): number => ("sport" in passed ? (passed.sport as number) : -1);

test.each(families)("a new pod on an old address gets no answers of the old one's, over %s", async (family) => {
  using net = await Masquerading.create();
  const { client, enforcement } = net.pods;
  const answer = { source: world[family], destination: node[family], transport: udp(53, 40_000) };
  net.leave(client, { destination: world[family], transport: udp(40_000, 53) }, family);
  expect(net.arrive(answer)).toMatchObject({ to: client[family] });
  enforcement.remove(client.id);
  expect(net.arrive(answer)).toMatchObject({ to: node[family] });
  const next: GuardedEndpoint = { ...client, id: 9, incarnation: 99 };
  await enforcement.add(next);
  expect(net.arrive(answer)).toMatchObject({ to: node[family] });
  // What the old one had is free for the new one's own flow.
  expect(portOf(net.leave(next, { destination: world[family], transport: udp(40_000, 53) }, family))).toBe(40_000);
  expect(net.arrive(answer)).toMatchObject({ to: client[family] });
});

test("removing an address removes both halves of its mappings, and no others", async () => {
  using net = await Masquerading.create();
  const { client, server, datapath } = net.pods;
  const { nat } = datapath.kernel;
  for (const pod of [client, server]) {
    for (const family of families) net.leave(pod, { destination: world[family], transport: udp(40_000, 53) }, family);
  }
  expect(await nat.removeAddresses([client.ipv4 as string, client.ipv6 as string])).toBe(4);
  expect((await listed(nat)).map(({ owner }) => owner).toSorted()).toEqual([server.ipv4, server.ipv6]);
  expect(await nat.removeAddresses([node.ipv4])).toBe(2);
  expect((await listed(nat)).map(({ owner }) => owner)).toEqual([server.ipv6]);
});

test("a mapping lives as long as its connection, and the sweep takes both halves", async () => {
  using net = await Masquerading.create();
  const { client, datapath } = net.pods;
  const { nat } = datapath.kernel;
  const out = (...flags: TcpFlag[]) =>
    net.leave(client, { destination: world.ipv4, transport: { kind: "tcp", sport: 40_000, dport: 80, flags } });
  const back = (...flags: TcpFlag[]) =>
    net.arrive({
      source: world.ipv4,
      destination: node.ipv4,
      transport: { kind: "tcp", sport: 80, dport: 40_000, flags },
    });
  const lifetime = async (): Promise<number> => {
    const [mapping] = await listed(nat);
    return Math.ceil(Number(((mapping?.entry.expires ?? 0n) - datapath.kernel.now()) / (seconds / 10n)) / 10);
  };
  out("SYN");
  expect(await lifetime()).toBe(60);
  back("SYN", "ACK");
  expect(await lifetime()).toBe(60);
  out("ACK");
  expect(await lifetime()).toBe(8000);
  out("FIN", "ACK");
  expect(await lifetime()).toBe(8000);
  back("FIN", "ACK");
  expect(await lifetime()).toBe(10);
  out("SYN");
  expect(await lifetime()).toBe(60);
  back("RST");
  expect(await lifetime()).toBe(10);
  expect(await nat.sweep(datapath.kernel.now())).toBe(0);
  expect(await nat.sweep(datapath.kernel.now() + 11n * seconds)).toBe(2);
});

test("what has timed out is in nobody's way, and answers nobody", async () => {
  using net = await Masquerading.create({ otherTimeout: 1n });
  const { client, server } = net.pods;
  net.leave(client, { destination: world.ipv4, transport: udp(40_000, 53) });
  expect(net.arrive({ source: world.ipv4, destination: node.ipv4, transport: udp(53, 40_000) })).toMatchObject({
    to: node.ipv4,
  });
  expect(portOf(net.leave(server, { destination: world.ipv4, transport: udp(40_000, 53) }))).toBe(40_000);
});

test.each([
  ["outgoing", NatSide.OUT, "10.0.0.2"],
  ["incoming", NatSide.IN, node.ipv4],
] as const)("a flow whose %s half was evicted gets it back with its next packet", async (_, side, address) => {
  using net = await Masquerading.create();
  const { client, datapath } = net.pods;
  const out = () => net.leave(client, { destination: world.ipv4, transport: udp(40_000, 53) });
  const back = () => net.arrive({ source: world.ipv4, destination: node.ipv4, transport: udp(53, 40_000) });
  out();
  using handle = datapath.openMap("nat4");
  const number = (text: string): number => new DataView(encodeAddress(text).bytes.buffer).getUint32(0);
  const key = { own: number(address), remote: number(world.ipv4), ownPort: 40_000, remotePort: 53, protocol: 17, side };
  expect(new BpfMap(handle, nat4Key, natEntry).delete(key)).toBe(true);
  expect(back()).toMatchObject({ to: node.ipv4 });
  expect(portOf(out())).toBe(40_000);
  expect(back()).toMatchObject({ to: client.ipv4 });
});

test("a full table makes room: new flows are served, and status names the map", async () => {
  // Each CPU keeps up to 128 places for itself (kernel/bpf/bpf_lru_list.c).
  const entries = 2048 * cpus().length;
  using net = await Masquerading.create({}, entries);
  const { client, datapath } = net.pods;
  let last = 0;
  for (let flow = 0; flow < entries; flow++) {
    last = 10_000 + (flow % 50_000);
    const server = `198.51.100.${Math.floor(flow / 50_000)}`;
    expect(portOf(net.leave(client, { destination: server, transport: udp(last, 53) }))).toBe(last);
  }
  const server = `198.51.100.${Math.floor((entries - 1) / 50_000)}`;
  const answer = { source: server, destination: node.ipv4, transport: udp(53, last) };
  expect(net.arrive(answer)).toMatchObject({ to: client.ipv4 });
  const problems = new MapPressure().problems(await datapath.kernel.fill());
  expect(problems).toEqual([expect.stringMatching(/^map nat4 is .*masqueraded flows .*; raise --nat4-entries$/)]);
});

/** So many flows of two pods to one server, each pair with one port, in a range that they nearly fill. */
const flows = sized({ short: 6000, long: 60_000 });
const ports = Math.ceil((flows / 60_000) * 64_512);

test(
  `${flows} flows to one destination in ${ports} ports: all are served, no two have one port`,
  { timeout: 120_000 },
  async () => {
    const masqueradeFirst = 65_536 - ports;
    using net = await Masquerading.create({ masqueradeFirst }, 262_144);
    const { client, server, datapath } = net.pods;
    const given = new Set<number>();
    let dropped = 0;
    for (let i = 0; i < flows / 2; i++) {
      for (const pod of [client, server]) {
        const port = portOf(net.leave(pod, { destination: world.ipv4, transport: udp(masqueradeFirst + i, 53) }));
        if (port < masqueradeFirst) dropped++;
        given.add(port);
      }
    }
    expect({ dropped, given: given.size }).toEqual({ dropped: 0, given: flows });
    const { allocated, retries, exhausted } = datapath.kernel.nat.counts();
    expect({ allocated, exhausted, some: retries > flows / 2 }).toEqual({ allocated: flows, exhausted: 0, some: true });
    const mappings = await listed(datapath.kernel.nat);
    expect(new Set(mappings.map(({ port }) => port)).size).toBe(flows);
  },
);
