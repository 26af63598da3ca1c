import { expect, test } from "vitest";
import { mustRunNow } from "#agent/local/command.ts";
import { until } from "#agent/local/until.ts";
import { ChainedPod } from "#test/support/chained-pod.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { datagrams, firstFragments, hostileFrames, type Stage } from "#test/support/hostile-frames.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { Outside } from "#test/support/outside.ts";
import { PacketSocket } from "#test/support/packet-socket.ts";
import { buildArp, buildPacket } from "#test/support/packet.ts";
import { prepare, useNode } from "#test/support/use-node.ts";

const node = useNode({
  objects: {
    "server.yaml": networkPolicy({
      name: "server",
      selects: { app: "server" },
      ingress: [{ from: [app("sender")], ports: [{ protocol: "UDP", port: 80 }] }],
    }),
  },
});
const names = ["sender", "victim", "server", "stranger"] as const;
/** All on one bridge; nobody guards the stranger. */
const pods = {} as Record<(typeof names)[number], ChainedPod>;
let outside: Outside;
let taps: readonly PacketSocket[];

prepare(async () => {
  for (const name of names) {
    const options = { name, labels: { app: name }, isGuarded: name !== "stranger" };
    pods[name] = await ChainedPod.add(node(), { by: "bridge", ...options });
  }
  outside = new Outside(node());
  await pods.server.traffic.serve("UDP", 80);
  await expectTraffic(pods.sender, pods.server, 80, "answered", { protocol: "UDP", sourcePort: 4000 });
  taps = [
    ...(["victim", "server", "stranger"] as const).map((name) => PacketSocket.open(pods[name].namespace, "eth0")),
    PacketSocket.open(node().namespace, "cni0"),
  ].map((tap) => node().lab.use(tap));
});

const macOf = (pod: ChainedPod): string => pod.result.interfaces.find(({ name }) => name === "eth0")?.mac ?? "";
const placeOf = (pod: ChainedPod) => ({ mac: macOf(pod), ipv4: pod.ipv4, ipv6: pod.ipv6 });
/** The bridge, which has the gateway's addresses. */
const gateway = () => ({
  mac: pods.sender.result.interfaces.find(({ name }) => name === "cni0")?.mac ?? "",
  ipv4: pods.sender.gateway4,
  ipv6: pods.sender.gateway6,
});

let marks = 0;

function newStage(host = gateway()): Stage {
  marks += 1;
  const marker = new Uint8Array(Buffer.from(`weir hostile ${String(marks).padStart(3, "0")}`));
  const places = { own: placeOf(pods.sender), host, victim: placeOf(pods.victim) };
  return { ...places, outside, node: { ipv4: outside.node4, ipv6: outside.node6 }, marker };
}

const has = (frame: Uint8Array, marker: Uint8Array): boolean => Buffer.from(frame).includes(Buffer.from(marker));

/** Frames that have come out anywhere by the time that honest datagrams to the server have. */
async function cameOut(): Promise<Uint8Array[]> {
  const stage = newStage(placeOf(pods.server));
  using out = PacketSocket.open(pods.sender.namespace, "eth0", { protocol: 0 });
  for (const frame of datagrams(stage, pods.server, 80)) out.send(frame);
  const frames: Uint8Array[] = [];
  await until("the honest datagrams", () => {
    for (const tap of taps) frames.push(...tap.receive());
    return frames.filter((frame) => has(frame, stage.marker)).length >= 2;
  });
  return frames;
}

async function drops(hook: string, reason: string): Promise<number> {
  const counters = await node().client.bpf("counters");
  return counters
    .filter((one) => one.hook === hook && one.reason === reason)
    .reduce((sum, { packets }) => sum + packets, 0);
}

// What a pod says of its own address there, it may say on a link that it shares.
const rows = hostileFrames.filter(({ title }) => title !== "a neighbour advertisement");

test.each(rows)("on a bridge, a pod that sends $title: nothing comes out", async ({ frames, reason }) => {
  using out = PacketSocket.open(pods.sender.namespace, "eth0", { protocol: 0 });
  // By the gateway, and straight to the victim.
  for (const host of [gateway(), { ...gateway(), mac: macOf(pods.victim) }]) {
    const stage = newStage(host);
    for (const frame of firstFragments(stage)) out.send(frame);
    await cameOut();
    const before = await drops("pod-egress", reason);
    const hostile = frames(stage);
    for (const frame of hostile) out.send(frame);
    const marked = (await cameOut()).filter((frame) => has(frame, stage.marker));
    expect(marked).toEqual([]);
    expect(await drops("pod-egress", reason)).toBeGreaterThanOrEqual(before + hostile.length);
  }
});

test("who has a port of the bridge that nobody guards is no pod, and not the gateway", async () => {
  const { stranger, server, sender } = pods;
  using out = PacketSocket.open(stranger.namespace, "eth0", { protocol: 0 });
  const before = await drops("pod-ingress", "INVALID_SOURCE_IP");
  const link = { sourceMac: macOf(stranger), destinationMac: macOf(server) };
  const transport = { kind: "udp", sport: 4000, dport: 80 } as const;
  for (const { ipv4, ipv6 } of [placeOf(sender), gateway()]) {
    out.send(buildPacket({ ...link, source: ipv4, destination: server.ipv4, transport }));
    out.send(buildPacket({ ...link, source: ipv6, destination: server.ipv6, transport }));
    for (const operation of [1, 2] as const) {
      out.send(buildArp({ sourceMac: link.sourceMac, senderIp: ipv4, targetIp: server.ipv4, operation }));
    }
  }
  await until("all to be dropped", async () => (await drops("pod-ingress", "INVALID_SOURCE_IP")) >= before + 8);
  const neighbours = mustRunNow(server.namespace.enter(["ip", "neigh"]));
  expect(neighbours).not.toContain(macOf(stranger));
});

test("it is judged as anybody of the world", async () => {
  await expectTraffic(pods.stranger, pods.server, 80, "silent", { protocol: "UDP" });
  await expectTraffic(pods.stranger, pods.victim, 80, "refused");
});
