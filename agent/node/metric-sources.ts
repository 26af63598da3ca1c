import { version } from "#agent/api/version.ts";
import type { MetricSources } from "#agent/metrics/sources.ts";
import { bpfPort } from "./bpf-views.ts";
import { mapFills } from "./map-fills.ts";
import type { Node } from "./node.ts";

/** What metrics read of a node. */
export function metricSources(node: Node): MetricSources {
  const { parts } = node;
  const { kernel, endpoints, identities, masquerade, objects, policy, ipam, store } = parts;
  const bpf = bpfPort(parts);
  return {
    build: { version, programs: kernel.programs, attach: kernel.attachMode },
    counters: () => bpf.counters(),
    bandwidths: () =>
      bpf.bandwidth().flatMap(({ endpoint, direction, droppedPackets, droppedBytes }) => {
        const found = endpoints.get(endpoint);
        if (!found) return [];
        const { namespace, pod, ifName } = found.record;
        return [{ namespace, pod, ifName, direction, droppedPackets, droppedBytes }];
      }),
    proxyBypassed: () => kernel.proxyBypassed(),
    tcpResets: () => Number(kernel.resets()),
    flows: () => node.flowCounts,
    flowsLost: () => Number(kernel.eventsLost()),
    exports: () =>
      parts.exporters.map(({ name, counts, problem }) => ({ exporter: name, ...counts, up: problem === null })),
    maps: () => mapFills(parts),
    nat: () => masquerade.counts,
    policy: () => ({
      revision: Number(policy.revision),
      refused: policy.refusal !== null,
      objects: policy.objects,
      problems: objects.current().problems.length,
    }),
    endpointStates: () =>
      endpoints.list().map(({ record: { state } }) => (state === "ready" ? "ready" : "waiting-for-interface")),
    identities: () => identities.count,
    ranges: () => ipam.fill.map(({ capacity, ...fill }) => ({ ...fill, capacity: Number(capacity) })),
    growth: () => ipam.growth,
    store: () => ({ kind: store.kind, up: store.health.state === "ok" }),
  };
}
