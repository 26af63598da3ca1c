import { expect, test } from "vitest";
import { mustRunNow } from "#agent/local/command.ts";
import { FlowLog } from "#agent/local/flow-log.ts";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { until } from "#agent/local/until.ts";
import {
  datagrams,
  firstFragments,
  type HostileFrames,
  hostileFrames,
  type Stage,
} from "#test/support/hostile-frames.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { Outside } from "#test/support/outside.ts";
import { PacketSocket } from "#test/support/packet-socket.ts";
import { buildPacket } from "#test/support/packet.ts";
import { macsOf } from "#test/support/ping.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode({
  objects: {
    "server.yaml": networkPolicy({
      name: "server",
      selects: { app: "server" },
      ingress: [{ from: [app("sender")], ports: [{ protocol: "UDP", port: 80 }] }],
    }),
  },
});
const pods = usePods(node, ["sender", "victim", "server"]);
let outside: Outside;
let taps: Readonly<Record<string, PacketSocket>>;

/** The EtherTypes by which the node's stack could take a frame: those of the rows, and VLAN tags. */
const stackTypes = [0x0800, 0x0806, 0x86dd, 0x8035, 0x88cc, 0x888e, 0x88e5, 0x8864, 0x8847, 0x0004, 0x8100];

prepare(async () => {
  outside = new Outside(node());
  // As kube-proxy has it: without that, the stack itself takes nothing for a loopback address.
  mustRunNow(node().namespace.enter(["sysctl", "-q", "-w", "net.ipv4.conf.all.route_localnet=1"]));
  const use = (...args: Parameters<typeof PacketSocket.open>) => node().lab.use(PacketSocket.open(...args));
  // Taps that see everything see it before tc; on the sender's own link only what is left behind tc counts.
  const stack = stackTypes.map((protocol) => {
    return [`stack ${protocol}`, use(node().namespace, pods.sender.hostInterface, { protocol })] as const;
  });
  // So tagged frames are of a connection that is established, too.
  await pods.victim.traffic.serve("UDP", 80);
  await expectTraffic(pods.sender, pods.victim, 80, "answered", { protocol: "UDP", sourcePort: 4000 });
  taps = {
    victim: use(pods.victim.namespace, pods.victim.ifName),
    server: use(pods.server.namespace, pods.server.ifName),
    outside: use(outside.namespace, "node"),
    link: use(node().namespace, "outside"),
    ...Object.fromEntries(stack),
  };
});

let marks = 0;

/** Bytes that stand in no other packet. */
function newMarker(): Uint8Array {
  marks += 1;
  return new Uint8Array(Buffer.from(`weir hostile ${String(marks).padStart(3, "0")}`));
}

function placeOf(pod: LabPod) {
  return { mac: macsOf(pod).own, ipv4: pod.ipv4, ipv6: pod.ipv6 };
}

function stageOf(marker: Uint8Array): Stage {
  const { sender, victim } = pods;
  return {
    own: placeOf(sender),
    host: { mac: macsOf(sender).host, ipv4: sender.gateway4, ipv6: sender.gateway6 },
    victim: placeOf(victim),
    outside,
    node: { ipv4: outside.node4, ipv6: outside.node6 },
    marker,
  };
}

/** Packets that the sender's programs have dropped so far, by reason. */
async function drops(reason: string): Promise<number> {
  const counters = await node().client.bpf("counters");
  const of = counters.filter((one) => one.hook === "pod-egress" && one.reason === reason);
  return of.reduce((sum, { packets }) => sum + packets, 0);
}

/** Sends honest datagrams to everybody, and gives all frames that have come out by the time that these have. */
async function cameOut(): Promise<{ tap: string; frame: Uint8Array }[]> {
  const { own, host, victim, node: itself } = stageOf(newMarker());
  const honest = newMarker();
  const to: Record<string, [string, string]> = {
    victim: [own.ipv4, victim.ipv4],
    server: [own.ipv4, pods.server.ipv4],
    outside: [own.ipv4, outside.ipv4],
    "stack 2048": [own.ipv4, itself.ipv4],
    "stack 34525": [own.ipv6, itself.ipv6],
  };
  using out = PacketSocket.open(pods.sender.namespace, pods.sender.ifName, { protocol: 0 });
  for (const [source, destination] of Object.values(to)) {
    const transport = { kind: "udp", sport: 4999, dport: 80 } as const;
    const packet = buildPacket({
      sourceMac: own.mac,
      destinationMac: host.mac,
      source,
      destination,
      transport,
      size: honest.length,
    });
    packet.set(honest, packet.length - honest.length);
    out.send(packet);
  }
  const frames: { tap: string; frame: Uint8Array }[] = [];
  await until("the honest datagrams", () => {
    for (const [tap, socket] of Object.entries(taps)) frames.push(...socket.receive().map((frame) => ({ tap, frame })));
    return Object.keys(to).every((tap) => frames.some((one) => one.tap === tap && has(one.frame, honest)));
  });
  return frames;
}

function has(frame: Uint8Array, marker: Uint8Array): boolean {
  return Buffer.from(frame).includes(Buffer.from(marker));
}

/** All frames are dropped for this reason, as counted and told, and none comes out anywhere. */
async function expectNoneOut(
  { frames, reason, isQuiet = false }: Pick<HostileFrames, "reason" | "isQuiet"> & { frames: readonly Uint8Array[] },
  marker: Uint8Array,
  mark = 0,
): Promise<void> {
  await using log = new FlowLog(node().client);
  const before = await drops(reason);
  const told = (): number =>
    log.since(0).filter((one) => one.drop_reason_desc === reason && one.source.pod_name === "sender").length;
  const toldBefore = told();
  using out = PacketSocket.open(pods.sender.namespace, pods.sender.ifName, { protocol: 0, mark });
  for (const frame of frames) {
    expect(has(frame, marker)).toBe(true);
    out.send(frame);
  }
  const all = before + frames.length;
  await until(`${frames.length} drops to be counted`, async () => (await drops(reason)) >= all);
  const leaked = (await cameOut()).filter(({ frame }) => has(frame, marker)).map(({ tap }) => tap);
  expect(leaked).toEqual([]);
  if (!isQuiet) await until("the drops to be told", () => told() >= toldBefore + frames.length);
}

test.for(hostileFrames)("a pod that sends $title: nothing comes out, and the drop has its reason", async (row) => {
  const marker = newMarker();
  const stage = stageOf(marker);
  using out = PacketSocket.open(pods.sender.namespace, pods.sender.ifName, { protocol: 0 });
  for (const frame of firstFragments(stage)) out.send(frame);
  await expectNoneOut({ ...row, frames: row.frames(stage) }, marker);
});

// Marks of the field's datapaths and of kube-proxy, and all bits.
test.for([0x0200, 0x0a00, 0x0b00, 0x0c00, 0x0d00, 0x0f00, 0x4000, 0x8000, -1])(
  "a pod's mark %i opens nothing, and makes no address its own",
  async (mark) => {
    const denied = newMarker();
    await expectNoneOut({ frames: datagrams(stageOf(denied), pods.server, 81), reason: "POLICY_DENIED" }, denied, mark);
    const spoofed = newMarker();
    const stage = stageOf(spoofed);
    const frames = datagrams({ ...stage, own: { ...stage.victim, mac: stage.own.mac } }, pods.server, 80);
    await expectNoneOut({ frames, reason: "INVALID_SOURCE_IP" }, spoofed, mark);
  },
);

test("what is allowed comes out: the taps see it", async () => {
  const marker = newMarker();
  using out = PacketSocket.open(pods.sender.namespace, pods.sender.ifName, { protocol: 0 });
  for (const frame of datagrams(stageOf(marker), pods.server, 80)) out.send(frame);
  const seen = (await cameOut()).filter(({ frame }) => has(frame, marker));
  // Its stack's answers, that nobody listens, quote them.
  const types = new Set(seen.map(({ tap, frame }) => `${tap} ${Buffer.from(frame).toString("hex", 12, 14)}`));
  expect(types).toEqual(new Set(["server 0800", "server 86dd"]));
});
