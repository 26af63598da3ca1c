import { expect, test } from "vitest";
import type { BpfCounter, BpfMapping } from "#agent/api/bpf-views.ts";
import type { StatusView } from "#agent/api/views.ts";
import { mustRun } from "#agent/local/command.ts";
import { FlowLog } from "#agent/local/flow-log.ts";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { Traffic } from "#agent/local/traffic.ts";
import { until } from "#agent/local/until.ts";
import { expectTraffic, targetOf } from "#test/support/expect-traffic.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { fillChecksum, wrongChecksums } from "#test/support/checksums.ts";
import { decodeIpv4, decodeIpv6, decodePacket } from "#test/support/decode-packet.ts";
import { addressText } from "#test/support/masquerading.ts";
import { OutsideWire } from "#test/support/outside-wire.ts";
import { Outside } from "#test/support/outside.ts";
import { PacketSocket } from "#test/support/packet-socket.ts";
import { buildPacket } from "#test/support/packet.ts";
import { macsOf, ping } from "#test/support/ping.ts";
import { goesOn } from "#test/support/stream.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode();
const pods = usePods(node, ["client", "other"]);
const args = ["--device", "outside", "--masquerade-exclude", "198.18.0.0/15,fd18::/16"];
/** Addresses of the machine outside that are excluded. */
const excluded = ["198.18.0.1", "fd18::1"] as const;
const protocols = ["TCP", "UDP"] as const;

let outside: Outside;
let host: Traffic;

const onNode = (...command: string[]): Promise<string> => mustRun(node().namespace.enter(["ip", ...command]));
const onOutside = (...command: string[]): Promise<string> => mustRun(outside.namespace.enter(["ip", ...command]));
const mappings = (): Promise<BpfMapping[]> => node().read("bpf", "nat", "list");
const servers = (): [string, string] => [outside.ipv4, outside.ipv6];
const nodeAddresses = (): Set<string> => new Set([outside.node4, outside.node6]);

prepare(async () => {
  outside = new Outside(node());
  // The machine knows no way to pods: an answer comes back only to the node's address.
  await onOutside("route", "delete", "default");
  await onOutside("-6", "route", "delete", "default");
  await onOutside("address", "add", `${excluded[0]}/32`, "dev", "lo");
  await onOutside("address", "add", `${excluded[1]}/128`, "dev", "lo", "nodad");
  await onNode("route", "add", `${excluded[0]}/32`, "via", outside.ipv4);
  await onNode("-6", "route", "add", `${excluded[1]}/128`, "via", outside.ipv6);
  await node().agent.stop();
  await node().startAgent({ args });
  host = node().lab.use(new Traffic(node().namespace, (pid) => node().lab.track(pid)));
  for (const protocol of protocols) {
    await outside.traffic.serve(protocol, 80);
    await outside.traffic.serve(protocol, 8000, "source");
  }
});

test("the world sees the node's address, and its answers come back", async () => {
  using wire = new OutsideWire(outside);
  for (const address of servers()) {
    for (const protocol of protocols) await expectTraffic(pods.client, address, 80, "answered", { protocol });
    await ping(pods.client, address);
  }
  expect(wire.senders()).toEqual(nodeAddresses());
  const { masquerade, problems } = await node().read<StatusView>("status");
  const device = { name: "outside", ipv4: outside.node4, ipv6: outside.node6 };
  expect(masquerade).toMatchObject({ enabled: true, devices: [device], exhausted: 0 });
  expect(problems).toEqual([]);
  const found = (await mappings()).find(
    ({ protocol, destination }) => protocol === "UDP" && destination === outside.ipv4,
  );
  expect(found).toMatchObject({
    source: pods.client.ipv4,
    translated: outside.node4,
    destinationPort: 80,
    state: "open",
  });
});

test("policy and flows speak of the pod, not of the node", async () => {
  const block = { ipBlock: { cidr: `${outside.ipv4}/32` } };
  const egress = [{ to: [block], ports: [{ protocol: "TCP" as const, port: 80 }] }];
  await node().changeObjects(
    "client.yaml",
    networkPolicy({ name: "client", selects: { app: "client" }, egress, ingress: [] }),
  );
  await using log = new FlowLog(node().client);
  await expectTraffic(pods.client, outside.ipv4, 80, "answered");
  await expectTraffic(pods.client, outside.ipv4, 81, "silent");
  const key = { from: "default/client", to: outside.ipv4, family: 4, protocol: "TCP" } as const;
  expect(await log.find({ ...key, port: 80 })).toMatchObject({ verdict: "FORWARDED" });
  expect(await log.find({ ...key, port: 81 })).toMatchObject({ verdict: "DROPPED" });
  await node().changeObjects("client.yaml", null);
});

test("whom policy cuts off in the world is told so as by the node, where that is wanted", async () => {
  await node().agent.stop();
  await node().startAgent({ args: [...args, "--terminate-on-deny"] });
  // Only the server sends, so it is told, and the pod by the segment that it is asked for.
  await using stream = await pods.client.traffic.stream(targetOf(outside.ipv4, 8000), { interval: null });
  await goesOn(stream);
  using wire = new OutsideWire(outside);
  const denied = networkPolicy({ name: "client", selects: { app: "client" }, egress: [], ingress: [] });
  await node().changeObjects("client.yaml", denied);
  await until("the stream has ended", async () => (await stream.report()).ended !== null);
  expect(wire.senders()).toEqual(new Set([outside.node4]));
  await node().changeObjects("client.yaml", null);
  await node().agent.stop();
  await node().startAgent({ args });
});

test("errors of the world reach the pod whose packet they speak of", async () => {
  for (const address of servers()) {
    await expectTraffic(pods.client, address, 9999, "refused", { protocol: "UDP" });
    await expectTraffic(pods.client, address, 9999, "refused");
  }
});

test("megabytes go and come back, in packets larger than the device takes", async () => {
  for (const address of servers()) {
    await using stream = await pods.client.traffic.stream(targetOf(address, 80), { size: 200_000 });
    await goesOn(stream, 40);
    expect((await stream.stop()).ended).toBeNull();
  }
});

test("datagrams in pieces go and come back", async () => {
  for (const address of servers()) {
    const size = 4000;
    await ping(pods.client, address);
    expect(await pods.client.traffic.attempt(targetOf(address, 80, "UDP"), { timeout: 5000, size })).toBe("answered");
  }
});

test("an excluded destination sees the pod's own address", async () => {
  await onOutside("route", "add", "default", "via", outside.node4);
  await onOutside("-6", "route", "add", "default", "via", outside.node6);
  using wire = new OutsideWire(outside);
  for (const address of excluded) await expectTraffic(pods.client, address, 80, "answered");
  expect(wire.senders()).toEqual(new Set([pods.client.ipv4, pods.client.ipv6, ...excluded]));
});

test("a router on the way tells the pod where its packet ended", async () => {
  await mustRun(outside.namespace.enter(["sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]));
  const beyond = ["203.0.113.9", "2001:db8:bb::9"] as const;
  await onNode("route", "add", `${beyond[0]}/32`, "via", outside.ipv4);
  await onNode("-6", "route", "add", `${beyond[1]}/128`, "via", outside.ipv6);
  const { own, host: gateway } = macsOf(pods.client);
  for (const destination of beyond) {
    const isIpv6 = destination.includes(":");
    const source = isIpv6 ? pods.client.ipv6 : pods.client.ipv4;
    using socket = PacketSocket.open(pods.client.namespace, pods.client.ifName);
    const transport = { kind: "udp", sport: 33_434, dport: 33_435 } as const;
    const probe = { sourceMac: own, destinationMac: gateway, source, destination, transport, ttl: 2 };
    socket.send(fillChecksum(buildPacket(probe)));
    const [protocol, type, quoted] = isIpv6 ? [58, 3, decodeIpv6] : ([1, 11, decodeIpv4] as const);
    const isAnswer = (frame: Uint8Array): boolean => {
      const packet = decodePacket(frame);
      if (packet?.protocol !== protocol || packet.payload[0] !== type) return false;
      expect(wrongChecksums(frame)).toEqual([]);
      const inner = quoted(packet.payload.subarray(8), true);
      expect(addressText(packet.source)).toBe(isIpv6 ? outside.ipv6 : outside.ipv4);
      expect([addressText(inner?.source ?? ""), addressText(inner?.destination ?? "")]).toEqual([source, destination]);
      expect(Buffer.from(inner?.payload ?? []).readUInt16BE(0)).toBe(33_434);
      return true;
    };
    await until("the router's answer", () => socket.receive().some(isAnswer));
  }
});

test("what the world begins with a pod's own address stays with that", async () => {
  await pods.other.traffic.serve("TCP", 80);
  using wire = new OutsideWire(outside);
  for (const address of [pods.other.ipv4, pods.other.ipv6]) await expectTraffic(outside, address, 80, "answered");
  expect(wire.senders()).toEqual(new Set([pods.other.ipv4, pods.other.ipv6]));
});

test("pods and the node use one port to one server at the same time, whoever is first", async () => {
  let sourcePort = 45_000;
  for (const protocol of protocols) {
    for (const address of servers()) {
      const from = [pods.client.traffic, host, pods.other.traffic];
      for (const order of [from, from.toReversed()]) {
        sourcePort += 1;
        await using stack = new AsyncDisposableStack();
        const streams = [];
        for (const traffic of order) {
          streams.push(stack.use(await traffic.stream(targetOf(address, 80, protocol), { sourcePort })));
        }
        for (const stream of streams) await goesOn(stream);
        for (const stream of streams) expect(await stream.stop()).toMatchObject({ lost: [], ended: null });
      }
    }
  }
  const { masquerade } = await node().read<StatusView>("status");
  expect(masquerade.retries).toBeGreaterThan(0);
});

test("connections go on while the agent is away and through the start of the next one", async () => {
  const [ipv4, ipv6] = servers();
  await using stream = await pods.client.traffic.stream(targetOf(ipv4, 80));
  await using other = await pods.other.traffic.stream(targetOf(ipv6, 80));
  await using datagrams = await pods.client.traffic.stream(targetOf(ipv4, 80, "UDP"));
  await node().agent.kill();
  for (const one of [stream, other, datagrams]) await goesOn(one);
  await expectTraffic(pods.other, ipv4, 80, "answered");
  await node().startAgent({ args });
  for (const one of [stream, other, datagrams]) await goesOn(one);
  expect([(await stream.stop()).ended, (await datagrams.stop()).lost]).toEqual([null, []]);
});

test("a pod that goes takes its mappings with it, and the next on its address gets none of its answers", async () => {
  const sourcePort = 5555;
  const add = (config = {}): Promise<LabPod> => node().addPod({ name: "guest", labels: { app: "guest" }, config });
  const first = await add();
  const old = await first.traffic.stream(targetOf(outside.ipv4, 8000, "UDP"), { interval: null, sourcePort });
  await goesOn(old);
  const { ipv4 } = first;
  await first[Symbol.asyncDispose]();
  await until("the mappings are gone", async () => (await mappings()).every(({ source }) => source !== ipv4));
  // Who asks for the address again under the same name need not wait until it has rested.
  const second = await add({ runtimeConfig: { ips: [ipv4] } });
  expect(second.ipv4).toBe(ipv4);
  const silent = await second.traffic.stream(targetOf(outside.ipv4, 8001, "UDP"), { interval: null, sourcePort });
  await expectTraffic(second, outside.ipv4, 80, "answered");
  expect((await silent.stop()).received).toBe(0);
});

test("a new address of the device is used for what begins then", async () => {
  await onNode("address", "add", "192.0.2.5/28", "dev", "outside");
  await onNode("address", "delete", `${outside.node4}/30`, "dev", "outside");
  await onOutside("address", "add", `${outside.ipv4}/28`, "dev", "node");
  const device = async () => (await node().read<StatusView>("status")).masquerade.devices[0];
  await until("the new address is known", async () => (await device())?.ipv4 === "192.0.2.5");
  using wire = new OutsideWire(outside);
  await expectTraffic(pods.client, outside.ipv4, 80, "answered");
  expect(wire.senders()).toEqual(new Set(["192.0.2.5"]));
});

test("switched off, pods keep their addresses", async () => {
  await node().agent.stop();
  await node().startAgent({ args: ["--device", "outside", "--masquerade", "false"] });
  await onOutside("route", "replace", "default", "via", "192.0.2.5");
  using wire = new OutsideWire(outside);
  for (const address of servers()) await expectTraffic(pods.client, address, 80, "answered");
  expect(wire.senders()).toEqual(new Set([pods.client.ipv4, pods.client.ipv6]));
  expect((await node().read<StatusView>("status")).masquerade).toMatchObject({ enabled: false, devices: [] });
});

test("that no port is left is a problem that names the reason, and what helps", async () => {
  await node().agent.stop();
  const few = ["--masquerade-ports", "40000-40001"];
  await node().startAgent({ args: ["--device", "outside", ...few] });
  for (const _port of [1, 2]) await expectTraffic(pods.client, outside.ipv4, 80, "answered", { protocol: "UDP" });
  await expectTraffic(pods.client, outside.ipv4, 80, "silent", { protocol: "UDP" });
  const { state, problems } = await node().read<StatusView>("status");
  expect([state, problems]).toEqual([
    "degraded",
    [expect.stringMatching(/^no port of the node's was free .* --masquerade-ports/)],
  ]);
  const counters = await node().read<BpfCounter[]>("bpf", "counters", "list");
  const dropped = counters.find(({ reason }) => reason === "NO_MAPPING_FOR_NAT_MASQUERADE");
  expect(dropped).toMatchObject({ direction: "egress", hook: "netdev-egress", file: "nat.h" });
});
