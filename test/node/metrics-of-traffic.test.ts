import { expect, test } from "vitest";
import type { BpfBandwidth } from "#agent/api/bpf-views.ts";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { until } from "#agent/local/until.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { expectGrowth, metricValues } from "#test/support/metric-values.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { Outside } from "#test/support/outside.ts";
import { PacketSocket } from "#test/support/packet-socket.ts";
import { buildPacket } from "#test/support/packet.ts";
import { echoRequest, macsOf } from "#test/support/ping.ts";
import { promtool } from "#test/support/promtool.ts";
import { needs } from "#test/support/requirement.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

/** As a runtime may hand it over; not as an API server would. */
const hostile = 'sh"op\\\n} 1';

const node = useNode({
  objects: { "closed.yaml": networkPolicy({ name: "closed", selects: { app: "closed" }, ingress: [] }) },
});
const pods = usePods(node, ["open", "closed", "client", "limited"], {
  limited: {
    namespace: hostile,
    config: { runtimeConfig: { bandwidth: { egressRate: 1_000_000, egressBurst: 100_000 } } },
  },
});
let outside: Outside;

const at = (hook: string, reason?: string): string => {
  const direction = hook.endsWith("egress") ? "egress" : "ingress";
  return `{${reason === undefined ? "" : `reason="${reason}",`}direction="${direction}",hook="${hook}"}`;
};

prepare(async () => {
  outside = new Outside(node());
  await outside.traffic.serve("UDP", 80);
  await node().agent.stop();
  await node().startAgent({ args: ["--device", "outside"] });
});

/** Echo requests, of a connection each. */
function requests(from: LabPod, to: LabPod, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, n) => echoRequest(from, to.ipv4, 1000 + n));
}

async function send(from: LabPod, frames: readonly Uint8Array[]): Promise<void> {
  using socket = PacketSocket.open(from.namespace, from.ifName, { protocol: 0 });
  for (const frame of frames) socket.send(frame);
}

const bytes = (frames: readonly Uint8Array[]): number => frames.reduce((sum, { length }) => sum + length, 0);

test("packets that pass are counted with their bytes, and a flow for each connection and for its answer", async () => {
  const frames = requests(pods.client, pods.open, 20);
  await expectGrowth(node(), () => send(pods.client, frames), {
    [`weir_forwarded_packets_total${at("pod-egress")}`]: 2 * frames.length,
    [`weir_forwarded_bytes_total${at("pod-egress")}`]: 2 * bytes(frames),
    [`weir_dropped_packets_total${at("pod-egress", "POLICY_DENIED")}`]: 0,
    'weir_flows_total{type="policy-verdict",verdict="FORWARDED"}': frames.length,
    'weir_flows_total{type="trace",verdict="FORWARDED"}': frames.length,
    'weir_flows_total{type="policy-verdict",verdict="DROPPED"}': 0,
    weir_flows_lost_total: 0,
    'weir_bpf_map_entries{map="conntrack4"}': frames.length,
  });
});

test("packets that policy denies are counted with their reason and bytes, and a flow for each", async () => {
  const frames = requests(pods.client, pods.closed, 7);
  await expectGrowth(node(), () => send(pods.client, frames), {
    [`weir_dropped_packets_total${at("pod-egress", "POLICY_DENIED")}`]: frames.length,
    [`weir_dropped_bytes_total${at("pod-egress", "POLICY_DENIED")}`]: bytes(frames),
    [`weir_forwarded_packets_total${at("pod-egress")}`]: 0,
    'weir_flows_total{type="policy-verdict",verdict="DROPPED"}': frames.length,
    'weir_flows_total{type="policy-verdict",verdict="FORWARDED"}': 0,
    'weir_bpf_map_entries{map="conntrack4"}': 0,
  });
});

test("a pod that sends too fast is named, whatever it is called, and what it sent has passed or is counted as dropped", async () => {
  const { own, host } = macsOf(pods.limited);
  const [source, destination] = [pods.limited.ipv4, pods.open.ipv4];
  const transport = { kind: "udp", sport: 4001, dport: 80 } as const;
  const frame = buildPacket({ sourceMac: own, destinationMac: host, source, destination, transport, size: 1400 });
  // With a checksum that is wrong the other pod does not answer, and all that passes is this.
  frame.set([0x77, 0x65], 40);
  const series = `{namespace=${JSON.stringify(hostile)},pod="limited",interface="eth0",direction="egress"}`;
  const names = [
    `weir_forwarded_packets_total${at("pod-egress")}`,
    `weir_bandwidth_dropped_packets_total${series}`,
    `weir_dropped_packets_total${at("pod-egress", "BANDWIDTH")}`,
  ] as const;
  const before = await metricValues(node());
  await send(
    pods.limited,
    Array.from({ length: 500 }, () => frame),
  );
  const after = await until("each datagram to have passed or been dropped", async () => {
    const now = await metricValues(node());
    const [passed = 0, limited = 0, dropped] = names.map((name) => (now.get(name) ?? 0) - (before.get(name) ?? 0));
    return passed + limited === 500 && dropped === limited && limited > 300 ? now : false;
  });
  const [use] = await node().read<BpfBandwidth[]>("bpf", "bandwidth", "list");
  expect(after.get(names[1])).toBe(use?.droppedPackets);
  expect(after.get(`weir_bandwidth_dropped_bytes_total${series}`)).toBe(use?.droppedBytes);
  const text = await scrape();
  expect(text).toContain(
    'weir_bandwidth_dropped_packets_total{namespace="sh\\"op\\\\\\n} 1",pod="limited",interface="eth0",direction="egress"} ',
  );
});

test("promtool finds nothing to say about the text, hostile names and all", async (context) => {
  needs("promtool")(context);
  expect(await promtool(["check", "metrics"], await scrape())).toEqual({ code: 0, stdout: "", stderr: "" });
});

/** As Prometheus would by `curl --unix-socket`. */
async function scrape(): Promise<string> {
  const { request } = await import("node:http");
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const asked = request({ socketPath: `${node().runDir}/agent.sock`, path: "/metrics", agent: false }, (response) => {
    let text = "";
    response.setEncoding("utf8").on("data", (piece: string) => (text += piece));
    response.on("end", () => resolve(text));
  });
  asked.on("error", reject).end();
  return promise;
}

test("flows to the world are counted as masqueraded", async () => {
  const flows = 5;
  const act = async (): Promise<void> => {
    for (let n = 0; n < flows; n++)
      await expectTraffic(pods.client, outside.ipv4, 80, "answered", { protocol: "UDP", sourcePort: 7000 + n });
  };
  await expectGrowth(node(), act, {
    weir_nat_mappings_total: flows,
    weir_nat_port_retries_total: 0,
    weir_nat_exhausted_packets_total: 0,
    'weir_bpf_map_entries{map="nat4"}': 2 * flows,
  });
});
