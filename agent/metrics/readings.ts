import type { LabelsOf, ReadMetric } from "./definitions.ts";
import { readProcess } from "./process.ts";
import type { MetricSources, RangeFill } from "./sources.ts";

/** One series. */
export interface Reading<Name extends ReadMetric> {
  readonly labels: LabelsOf<Name>;
  readonly value: number;
}

/** All series of every metric that is read. */
export type Readings = { readonly [Name in ReadMetric]: readonly Reading<Name>[] };

type Part<Prefix extends string> = Pick<Readings, Extract<ReadMetric, `weir_${Prefix}${string}`>>;

/** What all metrics are now. */
export async function readAll(sources: MetricSources): Promise<Readings> {
  // The one that takes its time goes first, so that all others are of one moment.
  const maps = await readMaps(sources);
  return {
    weir_build_info: [{ labels: sources.build, value: 1 }],
    ...maps,
    ...readPackets(sources),
    ...readFlows(sources),
    ...readNat(sources),
    ...readPolicy(sources),
    ...readPools(sources),
    ...readStates(sources),
    ...readProcessUse(),
  };
}

/** A metric without labels. */
const one = (value: number): readonly [Reading<"weir_policy_revision">] => [{ labels: {}, value }];

async function readMaps(sources: MetricSources): Promise<Part<"bpf_map_">> {
  const maps = await sources.maps();
  return {
    weir_bpf_map_entries: maps.map(({ name, entries }) => ({ labels: { map: name }, value: entries })),
    weir_bpf_map_max_entries: maps.map(({ name, capacity }) => ({ labels: { map: name }, value: capacity })),
  };
}

function readPackets(sources: MetricSources): Part<"forwarded_" | "dropped_" | "bandwidth_"> {
  const counters = sources.counters();
  const passed = counters.filter(({ reason }) => reason === "FORWARDED");
  const dropped = [...sumByReason(counters.filter(({ reason }) => reason !== "FORWARDED")).values()];
  const limited = sources.bandwidths().map(({ namespace, pod, ifName, direction, droppedPackets, droppedBytes }) => ({
    labels: { namespace, pod, interface: ifName, direction },
    droppedPackets,
    droppedBytes,
  }));
  const hook = ({ direction, hook: name }: { direction: string; hook: string }) => ({ direction, hook: name });
  return {
    weir_forwarded_packets_total: passed.map((one) => ({ labels: hook(one), value: one.packets })),
    weir_forwarded_bytes_total: passed.map((one) => ({ labels: hook(one), value: one.bytes })),
    weir_dropped_packets_total: dropped.map(({ labels, packets }) => ({ labels, value: packets })),
    weir_dropped_bytes_total: dropped.map(({ labels, bytes }) => ({ labels, value: bytes })),
    weir_bandwidth_dropped_packets_total: limited.map(({ labels, droppedPackets: value }) => ({ labels, value })),
    weir_bandwidth_dropped_bytes_total: limited.map(({ labels, droppedBytes: value }) => ({ labels, value })),
  };
}

interface Dropped {
  readonly labels: LabelsOf<"weir_dropped_packets_total">;
  packets: number;
  bytes: number;
}

/** Of all places in the source together. */
function sumByReason(counters: ReturnType<MetricSources["counters"]>): Map<string, Dropped> {
  const sums = new Map<string, Dropped>();
  for (const { reason, direction, hook, packets, bytes } of counters) {
    const key = `${reason} ${hook}`;
    const sum = sums.get(key) ?? { labels: { reason, direction, hook }, packets: 0, bytes: 0 };
    sum.packets += packets;
    sum.bytes += bytes;
    sums.set(key, sum);
  }
  return sums;
}

function readFlows(sources: MetricSources): Part<"flows_" | "flow_export" | "proxy_bypassed" | "tcp_"> {
  const exports = sources.exports();
  const series = (value: (one: (typeof exports)[0]) => number) =>
    exports.map((one) => ({ labels: { exporter: one.exporter }, value: value(one) }));
  return {
    weir_flow_exported_total: series(({ exported }) => exported),
    weir_flow_export_lost_total: series(({ lost }) => lost),
    weir_flow_export_up: series(({ up }) => Number(up)),
    weir_flows_total: Object.entries(sources.flows()).flatMap(([type, counts]) =>
      Object.entries(counts).map(([verdict, value]) => ({ labels: { type, verdict }, value })),
    ),
    weir_flows_lost_total: one(sources.flowsLost()),
    weir_proxy_bypassed_total: one(sources.proxyBypassed()),
    weir_tcp_resets_total: one(sources.tcpResets()),
  };
}

function readNat(sources: MetricSources): Part<"nat_"> {
  const { allocated, retries, exhausted } = sources.nat();
  return {
    weir_nat_mappings_total: one(allocated),
    weir_nat_port_retries_total: one(retries),
    weir_nat_exhausted_packets_total: one(exhausted),
  };
}

function readPolicy(
  sources: MetricSources,
): Pick<
  Readings,
  "weir_policy_revision" | "weir_policy_refused" | "weir_policy_objects" | "weir_policy_object_problems"
> {
  const { revision, refused, objects, problems } = sources.policy();
  return {
    weir_policy_revision: one(revision),
    weir_policy_refused: one(Number(refused)),
    weir_policy_objects: [...tally(objects.map(({ kind }) => kind))].map(([kind, value]) => ({
      labels: { kind },
      value,
    })),
    weir_policy_object_problems: one(problems),
  };
}

/** The one place that knows what the IPAM says. */
function readPools(sources: MetricSources): Part<"ipam_"> {
  const ranges = sources.ranges();
  const series = (value: (range: RangeFill) => number) =>
    ranges.map((range) => {
      const { pool, cidr } = range;
      return { labels: { pool, family: cidr.includes(":") ? "ipv6" : "ipv4", cidr }, value: value(range) };
    });
  return {
    weir_ipam_used_addresses: series(({ used }) => used),
    weir_ipam_cooling_addresses: series(({ cooling }) => cooling),
    weir_ipam_kept_addresses: series(({ kept }) => kept),
    weir_ipam_capacity_addresses: series(({ capacity }) => capacity),
    weir_ipam_pool_can_grow: [...sources.growth()].map(([pool, can]) => ({ labels: { pool }, value: Number(can) })),
  };
}

function readStates(sources: MetricSources): Part<"endpoints" | "identities" | "store_"> {
  const states = tally(sources.endpointStates());
  const store = sources.store();
  return {
    weir_endpoints: (["ready", "waiting-for-interface"] as const).map((state) => ({
      labels: { state },
      value: states.get(state) ?? 0,
    })),
    weir_identities: one(sources.identities()),
    weir_store_up: [{ labels: { kind: store.kind }, value: Number(store.up) }],
  };
}

function readProcessUse(): Part<"process_"> {
  const use = readProcess();
  return {
    weir_process_cpu_seconds_total: [
      { labels: { mode: "user" }, value: use.userSeconds },
      { labels: { mode: "system" }, value: use.systemSeconds },
    ],
    weir_process_resident_memory_bytes: one(use.residentBytes),
    weir_process_heap_bytes: one(use.heapBytes),
    weir_process_event_loop_busy_seconds_total: one(use.eventLoopBusySeconds),
    weir_process_open_fds: one(use.openDescriptors),
    weir_process_max_fds: one(use.maxDescriptors),
    weir_process_start_time_seconds: one(use.startSeconds),
  };
}

function tally(words: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}
