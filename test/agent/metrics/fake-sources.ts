import type { MetricSources } from "#agent/metrics/sources.ts";

const passed = {
  reason: "FORWARDED",
  reasonCode: 0,
  direction: "egress",
  hook: "pod-egress",
  file: null,
  line: null,
} as const;

/** A node with little to tell; `changes` replaces parts of it. */
export function fakeSources(changes: Partial<MetricSources> = {}): MetricSources {
  return {
    build: { version: "0.1.0", programs: "6b1f", attach: "tcx" },
    counters: () => [
      { ...passed, packets: 10, bytes: 840 },
      { ...passed, reason: "POLICY_DENIED", reasonCode: 133, file: "judge.h", line: 90, packets: 3, bytes: 180 },
    ],
    bandwidths: () => [],
    proxyBypassed: () => 1,
    tcpResets: () => 2,
    flows: () => ({
      drop: { DROPPED: 1 },
      "policy-verdict": { FORWARDED: 5, DROPPED: 3, AUDIT: 1 },
      trace: { FORWARDED: 4 },
      l7: { FORWARDED: 6, DROPPED: 2, ERROR: 0 },
    }),
    flowsLost: () => 4,
    exports: () => [{ exporter: "file", exported: 9, lost: 2, up: true }],
    maps: () => Promise.resolve([{ name: "conntrack4", entries: 812, capacity: 524_288 }]),
    nat: () => ({ allocated: 12, retries: 1, exhausted: 0 }),
    policy: () => ({ revision: 41, refused: false, objects: [{ kind: "Pod" }, { kind: "Pod" }], problems: 0 }),
    endpointStates: () => ["ready", "ready", "waiting-for-interface"],
    identities: () => 7,
    ranges: () => [{ pool: "default", cidr: "10.0.0.0/24", used: 3, cooling: 1, kept: 2, capacity: 253 }],
    growth: () => new Map([["default", false]]),
    store: () => ({ kind: "embedded", up: true }),
    ...changes,
  };
}
