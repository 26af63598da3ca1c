import { beforeEach, describe, expect, test } from "vitest";
import { DropReason } from "#agent/datapath/layouts.gen.ts";
import { listed } from "#test/support/listed.ts";
import { Action, type Outcome } from "#test/support/datapath.ts";
import type { PacketSpec, TcpFlag, Transport } from "#test/support/packet.ts";
import { Random } from "#test/support/random.ts";
import { needs } from "#test/support/requirement.ts";
import { sized } from "#test/support/size.ts";
import { fromClient80, reasonOf, serverPolicy, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

const request = (...flags: TcpFlag[]): Transport => ({ kind: "tcp", sport: 40_000, dport: 80, flags });
const reply = (...flags: TcpFlag[]): Transport => ({ kind: "tcp", sport: 80, dport: 40_000, flags });

/** What the entry of the one connection says: until when its packets go the short way; 0: not at all. */
async function fastUntil(pods: TwoPods): Promise<bigint> {
  const [connection, ...others] = await listed(pods.datapath.kernel.connections);
  expect(others).toEqual([]);
  return connection?.entry.fastUntil ?? 0n;
}

async function established(yaml = serverPolicy(fromClient80)): Promise<TwoPods> {
  const pods = await TwoPods.with(yaml);
  pods.toServer(request("SYN"));
  pods.toClient(reply("SYN", "ACK"));
  pods.toServer(request("ACK"));
  return pods;
}

describe("packets go the short way", () => {
  test("when the handshake is complete, and not before", async () => {
    using pods = await TwoPods.with(serverPolicy(fromClient80));
    pods.toServer(request("SYN"));
    expect(await fastUntil(pods)).toBe(0n);
    pods.toClient(reply("SYN", "ACK"));
    expect(await fastUntil(pods)).toBe(0n);
    pods.toServer(request("ACK"));
    expect(await fastUntil(pods)).toBeGreaterThan(0n);
  });

  test("until one side closes", async () => {
    using pods = await established();
    pods.toClient(reply("FIN", "ACK"));
    expect(await fastUntil(pods)).toBe(0n);
  });

  test("but not where the kernel has to look at a clock or a limit", async () => {
    const limited = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: server, namespace: default, annotations: {weir.io/connection-limit: "100"}}
spec: {podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress], ingress: [{}]}`;
    using pods = await established(limited);
    const [connection] = await listed(pods.datapath.kernel.connections);
    expect(connection?.entry.end[1]?.limit).toBeGreaterThan(0);
    expect(await fastUntil(pods)).toBe(0n);
  });
});

describe("a packet on the short way", () => {
  test("is counted in its connection and in its hook, and loses a hop", async () => {
    using pods = await established();
    const passed = (): bigint =>
      pods.datapath.kernel.counters().find(({ key }) => key.reason === 0 && key.hook === 1)?.value.packets ?? 0n;
    const before = passed();
    const outcome = pods.toServer(request("ACK"), { ttl: 9 });
    expect([outcome.action, outcome.packet[22]]).toEqual([Action.redirect, 8]);
    const [connection] = await listed(pods.datapath.kernel.connections);
    expect(connection?.entry.packets).toEqual([3n, 1n]);
    expect(passed() - before).toBe(1n);
  });

  test("ends with its hops, and says so", async () => {
    using pods = await established();
    const outcome = pods.toServer(request("ACK"), { ttl: 1 });
    expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, DropReason.TTL_EXCEEDED]);
  });

  test("is dropped with another's MAC address, or from another's device", async () => {
    using pods = await established();
    const ip = { source: "10.0.0.2", destination: "10.0.0.3", transport: request("ACK") };
    const foreign = pods.datapath.packet({ ...pods.client, mac: "02:00:00:00:00:66" }, ip);
    expect(reasonOf(pods.datapath.send(pods.client, foreign))).toBe(DropReason.INVALID_SOURCE_MAC);
    // The server's device, with its own MAC address, and the client's IP address.
    const borrowed = pods.datapath.packet(pods.server, ip);
    expect(reasonOf(pods.datapath.send(pods.server, borrowed))).toBe(DropReason.INVALID_SOURCE_IP);
  });
});

type Party = "client" | "server" | "world";

/** One step of a life of connections: a packet between two of the three, or a new policy. */
type Deed =
  | { readonly policy: string }
  | { readonly from: Party; readonly to: Party; readonly spec: Omit<PacketSpec, "sourceMac" | "destinationMac"> };

const addresses = {
  client: ["10.0.0.2", "fd00::2"],
  server: ["10.0.0.3", "fd00::3"],
  world: ["192.0.2.1", "2001:db8::1"],
} as const;

const policies = [serverPolicy(fromClient80), serverPolicy("[{}]"), serverPolicy("[]"), ""];
const flagSets: readonly (readonly TcpFlag[])[] = [
  ["SYN"],
  ["SYN", "ACK"],
  ["ACK"],
  ["PSH", "ACK"],
  ["FIN", "ACK"],
  ["RST"],
];

function packetDeed(random: Random): Deed {
  const [from, to] = random.pick<readonly [Party, Party]>([
    ["client", "server"],
    ["server", "client"],
    ["client", "server"],
    ["server", "client"],
    ["client", "world"],
    ["world", "client"],
  ]);
  const high = random.integer(40_000, 40_001);
  const [sport, dport] = from === "client" || to === "server" ? [high, 80] : [80, high];
  const family = random.chance(0.5) ? 4 : 6;
  const address = (party: Party): string => addresses[party][family === 4 ? 0 : 1];
  // An acknowledgement most of the time, so that connections come about and go on.
  const flags = random.chance(0.5) ? (["ACK"] as const) : random.pick(flagSets);
  const transport: Transport = random.chance(0.7)
    ? { kind: "tcp", sport, dport, flags }
    : { kind: "udp", sport, dport };
  return {
    from,
    to,
    spec: {
      source: address(random.chance(0.05) ? to : from),
      destination: address(to),
      transport,
      ttl: random.chance(0.05) ? 1 : 64,
      size: random.integer(0, 40),
      ...(family === 4 && random.chance(0.05) ? { fragment: 0x2000, id: random.integer(1, 9) } : {}),
      ...(family === 4 && random.chance(0.05) ? { options: [1, 1, 1, 0] } : {}),
      ...(family === 6 && random.chance(0.05) ? { extensions: [[60, new Uint8Array(6)]] } : {}),
    },
  };
}

/** What can be seen of an outcome from outside. Line and file of a drop are the same, too. */
function seen({ action, packet, events }: Outcome): unknown {
  const told = events.map(({ time: _time, ifindex: _ifindex, ...event }) => event);
  return { action, packet: Buffer.from(packet).toString("hex"), told };
}

test("a random life of connections is the same on the short way and on the long one", async () => {
  const random = new Random(20);
  let short = 0;
  for (let life = 0; life < sized({ short: 4, long: 100 }); life++) {
    using quick = await TwoPods.with(policies[0]);
    using slow = await TwoPods.with(policies[0], { elsewhere: true });
    for (let step = 0; step < 150; step++) {
      const deed: Deed = random.chance(0.04) ? { policy: random.pick(policies) } : packetDeed(random);
      if ("policy" in deed) {
        for (const pods of [quick, slow]) await pods.setPolicy(deed.policy);
        continue;
      }
      const play = (pods: TwoPods): Outcome => {
        const pod = pods[deed.from === "world" ? "client" : deed.from];
        const frame = pods.datapath.packet(pod, deed.spec);
        if (deed.from === "world") return pods.datapath.receive(pod, frame, { ingressIfindex: 77 });
        if (step % 37 === 0) frame[11] = 0x66;
        return pods.datapath.send(pod, frame);
      };
      expect(seen(play(quick)), `life ${life}, step ${step}: ${JSON.stringify(deed)}`).toEqual(seen(play(slow)));
    }
    const entries = async (pods: TwoPods): Promise<unknown> =>
      (await listed(pods.datapath.kernel.connections))
        .map(({ entry: { packets, bytes, flags, tcpFlags }, ...key }) => ({ ...key, packets, bytes, flags, tcpFlags }))
        .toSorted((a, b) => (JSON.stringify(a, bigints) < JSON.stringify(b, bigints) ? -1 : 1));
    expect(JSON.stringify(await entries(quick), bigints)).toBe(JSON.stringify(await entries(slow), bigints));
    short += (await listed(quick.datapath.kernel.connections)).filter(({ entry }) => entry.fastUntil > 0n).length;
  }
  expect(short).toBeGreaterThan(0);
}, 300_000);

function bigints(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
