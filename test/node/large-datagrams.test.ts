import { expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import { expectTraffic, targetOf } from "#test/support/expect-traffic.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { PacketSocket } from "#test/support/packet-socket.ts";
import { macsOf } from "#test/support/ping.ts";
import { goesOn } from "#test/support/stream.ts";
import { udpFragments } from "#test/support/udp-fragments.ts";
import { UdpInbox } from "#test/support/udp-inbox.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode({
  objects: {
    "server.yaml": networkPolicy({
      name: "server",
      selects: { app: "server" },
      ingress: [{ ports: [80, 82].map((port) => ({ protocol: "UDP", port })) }],
    }),
  },
});
const pods = usePods(node, ["server", "client"]);
const families = ["ipv4", "ipv6"] as const;
let inbox: UdpInbox;

prepare(async () => {
  for (const port of [80, 81]) await pods.server.traffic.serve("UDP", port);
  inbox = node().lab.use(await UdpInbox.open(pods.server.namespace, 82));
});

/** Packets that were dropped for a reason so far. */
async function drops(reason: string): Promise<number> {
  const counters = await node().client.bpf("counters");
  return counters.filter((one) => one.reason === reason).reduce((sum, { packets }) => sum + packets, 0);
}

/** The fragments of a datagram of 4,000 bytes from the client to the inbox, with right checksums. */
function fragments(family: (typeof families)[number], id: number): Uint8Array[] {
  const { own, host } = macsOf(pods.client);
  const link = { sourceMac: own, destinationMac: host, source: pods.client[family], destination: pods.server[family] };
  return udpFragments({
    ...link,
    sport: 4000 + id,
    dport: 82,
    payload: new Uint8Array(4000).fill(id),
    id,
    piece: 1200,
  });
}

test.for(families)("datagrams of 8 kB come and go whole by a port that is allowed: %s", async (family) => {
  await using stream = await pods.client.traffic.stream(targetOf(pods.server[family], 80, "UDP"), { size: 8000 });
  await goesOn(stream, 40);
  expect((await stream.stop()).lost).toEqual([]);
});

test.for(families)("no fragment of them comes by one that is not: %s", async (family) => {
  using arrived = PacketSocket.open(pods.server.namespace, pods.server.ifName);
  const before = await drops("POLICY_DENIED");
  const target = targetOf(pods.server[family], 81, "UDP");
  // One datagram, whose 8,000 bytes take six fragments.
  await using _ = await pods.client.traffic.stream(target, { size: 8000, interval: null });
  await until("all fragments to be dropped", async () => (await drops("POLICY_DENIED")) >= before + 6);
  arrived.receive();
  await expectTraffic(pods.client, pods.server[family], 80, "answered", { protocol: "UDP" });
  const large = arrived.receive().filter(({ length }) => length > 500);
  expect(large).toEqual([]);
});

test.for(families)("a datagram whose fragments come in order is whole: %s", async (family) => {
  using out = PacketSocket.open(pods.client.namespace, pods.client.ifName, { protocol: 0 });
  for (const frame of fragments(family, 1)) out.send(frame);
  await until("the datagram", () => inbox.take() === 1);
});

test.for(families)("a fragment before its datagram's first is dropped for that, and counted: %s", async (family) => {
  using out = PacketSocket.open(pods.client.namespace, pods.client.ifName, { protocol: 0 });
  using arrived = PacketSocket.open(pods.server.namespace, pods.server.ifName);
  const [first, ...others] = fragments(family, 2) as [Uint8Array, ...Uint8Array[]];
  const before = await drops("FIRST_LOGICAL_DATAGRAM_FRAGMENT_NOT_FOUND");
  for (const frame of [...others, first]) out.send(frame);
  // Behind them, so that they have come before it where they come.
  for (const frame of fragments(family, 3)) out.send(frame);
  await until("the next datagram", () => inbox.take() === 1);
  expect(await drops("FIRST_LOGICAL_DATAGRAM_FRAGMENT_NOT_FOUND")).toBe(before + others.length);
  const ofSecond = arrived.receive().filter((frame) => frame.length > 1000 && frame.at(-1) === 2);
  expect(ofSecond).toHaveLength(1);
});
