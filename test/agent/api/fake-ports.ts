import { ApiError } from "#agent/api/errors.ts";
import type { DatapathEvent } from "#agent/api/event-views.ts";
import type { FlowLine, LostFlows } from "#agent/api/flow.ts";
import type { Ports } from "#agent/api/ports.ts";
import { captured } from "./fake-captures.ts";
import { deniedTrace } from "./fake-trace.ts";

import {
  web,
  status,
  connection,
  reasons,
  denial,
  different,
  logLevel,
  enforcement,
  policyView,
  stagedRule,
  stagedObject,
  policy,
  event,
  flow,
  objects,
  isWeb,
  trafficChange,
} from "./fake-views.ts";

/** An agent with one endpoint, one policy and one flow; `changes` replaces ports of it. */
export function fakePorts(changes: Partial<Ports> = {}): Ports {
  return {
    cni: { call: () => Promise.resolve({ output: null, exitCode: 0 }) },
    endpoints: {
      list: () => [web],
      get: (id) => (id === web.id ? web : undefined),
      log: (id) =>
        id === web.id
          ? [{ time: "2026-01-31T12:00:00.000000000Z", event: "ready", message: "policy is in force" }]
          : undefined,
      regenerate: async (id) => (id === web.id ? web : undefined),
    },
    identities: {
      list: () => [identity, { id: 2, labels: { "reserved:world": "" }, scope: "reserved" }],
      get: (id) => (id === identity.id ? identity : undefined),
    },
    policies: {
      list: () => [policyView],
      staged: () => [stagedRule, stagedObject],
      get: (name) => (isWeb(name) ? policy : undefined),
      inForce: () => ({ enforcement: "default", cidrMatchesPods: "language", objects }),
      validate: () => [],
      apply: ({ text, file }) =>
        Promise.resolve(
          text.includes("bad")
            ? { ok: false, errors: [{ file, line: 3, column: 5, field: "spec", message: "is missing" }] }
            : { ok: true, change: { revision: 42, objects: ["NetworkPolicy/shop/web"] } },
        ),
      delete: (name) =>
        Promise.resolve(isWeb(name) ? { revision: 43, objects: ["NetworkPolicy/shop/web"] } : undefined),
      revision: () => 41,
      waitRevision: (revision = 41, signal) =>
        revision <= 41 ? Promise.resolve(41) : new Promise((_, reject) => onAbort(signal, reject)),
    },
    verifications: {
      verify: (endpoint) =>
        endpoint === null || endpoint === web.id
          ? Promise.resolve({ ...different, endpoints: 1 })
          : Promise.reject(
              new ApiError("not-found", { asked: `verify endpoint ${endpoint}`, obstacle: "there is none" }),
            ),
    },
    evaluations: { evaluate: () => ({ ok: true, evaluation: denial }) },
    captures: { read: () => captured(flow) },
    traces: { trace: async () => deniedTrace },
    bpf: {
      policy: () => [
        {
          slot: 7,
          endpoints: [12],
          direction: "ingress",
          peer: 20482,
          protocol: 6,
          port: 80,
          portBits: 16,
          verdict: "allow",
          precedence: 3,
          isPlain: false,
          failsOpen: false,
          limit: 0,
          notAfter: null,
          below: null,
          rule: 5,
        },
      ],
      async *conntrack() {
        yield [connection];
      },
      flushConntrack: async () => ({ entries: 3 }),
      flushNat: async () => ({ entries: 2 }),
      async *nat() {
        yield [
          {
            protocol: "UDP",
            source: "10.0.0.7",
            sourcePort: 40000,
            translated: "192.0.2.1",
            translatedPort: 40000,
            destination: "198.51.100.53",
            destinationPort: 53,
            expiresIn: 59.5,
            state: "open",
          },
        ];
      },
      bandwidth: () => [
        { endpoint: 12, direction: "egress", rate: 100_000_000, burst: 200, droppedPackets: 3, droppedBytes: 4500 },
      ],
      ipcacheOf: (address) =>
        address === "10.0.0.7" ? { prefix: "10.0.0.7/32", identity: 20481, addressClass: 0 } : undefined,
      ipcache: () => [{ prefix: "10.0.0.7/32", identity: 20481, addressClass: 0 }],
      links: () => [
        {
          interface: "weir3fa1",
          hook: "ingress",
          attach: "tcx",
          program: "pod_egress",
          programId: 41,
          tag: "6b1f0123456789ab",
        },
      ],
      counters: () => [
        {
          reason: "FORWARDED",
          reasonCode: 0,
          direction: "egress",
          hook: "pod-egress",
          file: null,
          line: null,
          packets: 10,
          bytes: 840,
        },
      ],
      endpoints: () => [],
    },
    names: {
      list: () => [
        {
          name: "example.com",
          address: "192.0.2.80",
          expires: "2026-01-31T12:00:00.000000000Z",
          source: "lookup",
          endpoints: [12],
        },
      ],
    },
    addresses: {
      list: () => [
        {
          prefix: "10.0.0.7/32",
          identity: 20481,
          labels: { app: "web" },
          addressClass: 0,
          source: "endpoint",
          endpoint: 12,
          pod: "shop/web-1",
          node: null,
          names: [],
        },
      ],
      nodes: () => [
        {
          name: "n1",
          own: true,
          addresses: ["192.0.2.1"],
          podCidrs: ["10.0.0.0/24"],
          labels: { zone: "a" },
          file: "nodes.yaml",
          line: 1,
        },
      ],
      why: async (address) => ({ ...reasons, address }),
    },
    status: { status: async () => status },
    metrics: {
      text: async () =>
        "# HELP weir_policy_revision Revision.\n# TYPE weir_policy_revision gauge\nweir_policy_revision 41\n",
      list: async () => [
        { name: "weir_policy_revision", type: "gauge", labels: {}, value: 41 },
        { name: "weir_endpoints", type: "gauge", labels: { state: "ready" }, value: 1 },
      ],
    },
    config: {
      list: () => [logLevel, enforcement],
      change: (changes) =>
        "log-level" in changes
          ? Promise.reject(
              Object.assign(new Error("set log-level: at the start"), { name: "ConfigError", code: "start-only" }),
            )
          : Promise.resolve({ revision: 42, options: [enforcement] }),
    },
    prefilter: {
      show: () => ({ prefixes: ["198.51.100.0/24"], devices: [{ name: "eth0", hook: "xdp" }], packets: 3, bytes: 180 }),
      add: (prefixes) => Promise.resolve({ prefixes }),
      delete: (prefixes) => Promise.resolve({ prefixes }),
    },
    flows: {
      counts: { seen: 1, capacity: 65_536 },
      async *read(query): AsyncGenerator<readonly FlowLine[]> {
        yield [flow];
        if (query.lost) yield [{ lost_events: { source: "HUBBLE_RING_BUFFER", num_events_lost: "3" } }];
      },
    },
    events: {
      async *read(query): AsyncGenerator<readonly (DatapathEvent | LostFlows)[]> {
        yield [event];
        if (query.lost) yield [{ lost_events: { source: "PERF_EVENT_RING_BUFFER", num_events_lost: "2" } }];
      },
    },
    whatIf: {
      text: (name) => (isWeb(name) ? { file: "web.yaml", line: 1, text: "kind: NetworkPolicy\n" } : undefined),
      diff: ({ candidate: { text, file } }) =>
        Promise.resolve(
          text.includes("bad")
            ? { ok: false, errors: [{ file, line: 3, column: 5, field: "spec", message: "is missing" }] }
            : { ok: true, diff: { changes: [trafficChange], classes: 12, isComplete: true } },
        ),
      suggest: () => ({ yaml: "kind: NetworkPolicy\n", remarks: [] }),
    },
    page: { link: () => ({ url: "http://127.0.0.1:9966/#token=x", expires: "2026-01-31T12:00:00.000Z" }) },
    ...changes,
  };
}

const identity = {
  id: 20481,
  labels: { app: "web", "io.kubernetes.pod.namespace": "shop" },
  scope: "cluster",
} as const;

function onAbort(signal: AbortSignal, reject: (reason: Error) => void): void {
  signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
}
