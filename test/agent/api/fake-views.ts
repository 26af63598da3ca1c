import type { BpfConnection } from "#agent/api/bpf-views.ts";
import type { AddressReasons } from "#agent/api/address-views.ts";
import type { DatapathEvent } from "#agent/api/event-views.ts";
import type { Flow } from "#agent/api/flow.ts";
import type { OptionView } from "#agent/api/config-views.ts";
import type { Evaluation, PolicyObjectView, PolicyView, StagedView, Verification } from "#agent/api/policy-views.ts";
import type { ObjectName } from "#agent/api/ports.ts";
import type { TrafficChange } from "#agent/api/what-if-views.ts";
import type { EndpointView, StatusView } from "#agent/api/views.ts";

export const web: EndpointView = {
  id: 12,
  containerId: "3f01",
  ifName: "eth0",
  hostInterface: "weir3fa1",
  namespace: "shop",
  pod: "web-1",
  labels: { app: "web" },
  identity: 20481,
  ipv4: "10.0.0.7",
  ipv6: null,
  state: "ready",
  policy: { ingress: true, egress: false },
  revision: 41,
  bandwidth: { egress: 100_000_000, ingress: null },
};

export const status: StatusView = {
  state: "ok",
  node: "n1",
  revision: 41,
  policy: { enforcement: "default", cidrMatchesPods: "language", audit: false },
  store: { kind: "embedded", state: "ok" },
  datapath: { attach: "tcx", programs: "6b1f", devices: ["eth0"], resets: 0, captures: 0 },
  flows: { kept: 812, capacity: 65_536, seen: 70_000, lost: 3 },
  masquerade: {
    enabled: true,
    devices: [{ name: "eth0", ipv4: "192.0.2.1", ipv6: null }],
    allocated: 12,
    retries: 1,
    exhausted: 0,
  },
  proxy: {
    state: "ok",
    pid: 4711,
    build: "6b1f6b1f6b1f6b1f",
    version: 12,
    wanted: 12,
    workers: 2,
    connections: 31,
    lostRecords: 0,
    draining: 1,
    bypassed: 0,
    refused: 0,
    late: 0,
    unrecognised: 3,
    unreachable: 1,
  },
  names: { names: 40, addresses: 52, kept: 3, admitted: 61, refused: 0 },
  cni: {
    state: "installed",
    binary: "/opt/cni/bin/weir-cni",
    conflist: "/etc/cni/net.d/05-weir.conflist",
    plugins: ["weir-cni", "portmap"],
    cniVersions: ["0.3.1", "1.0.0"],
    setAside: [],
    events: [],
  },
  ipam: {
    mode: "host",
    ranges: [{ pool: "default", cidr: "10.0.0.0/24", used: 12, cooling: 1, kept: 0, capacity: 253 }],
  },
  maps: [{ name: "conntrack4", entries: 812, capacity: 524288 }],
  endpoints: { ready: 1 },
  problems: [],
};

const egressRule = {
  kind: "NetworkPolicy",
  namespace: "shop",
  name: "web",
  rule: "egress[0]",
  file: "web.yaml",
  line: 14,
};
const ingressRule = {
  kind: "NetworkPolicy",
  namespace: "shop",
  name: "db",
  rule: "ingress[0]",
  file: "db.yaml",
  line: 9,
};

const isolatedBy = [{ kind: "NetworkPolicy", namespace: "shop", name: "db", file: "db.yaml", line: 3 }];

export const connection: BpfConnection = {
  protocol: "TCP",
  source: "10.0.0.7",
  sourcePort: 40000,
  destination: "fd00::8",
  destinationPort: 80,
  expiresIn: 7999.5,
  generation: 41,
  seenReply: true,
  closing: false,
  state: "cut",
  from: { packets: 3, bytes: 180, verdict: "allow", rules: [] },
  to: { packets: 2, bytes: 120, verdict: "allow", rules: [5] },
};

export const reasons: AddressReasons = {
  address: "10.0.0.7",
  known: true,
  kernel: { prefix: "10.0.0.7/32", identity: 20481, addressClass: 0 },
  agent: { prefix: "10.0.0.7/32", identity: 20481 },
  agree: true,
  identity: 20481,
  labels: { app: "web" },
  source: "endpoint",
  because: "it is an address of the pod shop/web-1, endpoint 12 of this node",
  names: [],
  rules: [{ ...ingressRule, cidr: "10.0.0.0/8" }],
  revision: 41,
  store: { kind: "embedded", key: "identities/id/20481", revision: "7" },
  hops: [{ time: "2026-01-31T12:00:00.000000000Z", stage: "ipcache", what: "the kernel learned 10.0.0.7/32" }],
  remedies: [],
};

export const denial: Evaluation = {
  verdict: "deny",
  egress: { verdict: "allow", by: [egressRule], nearest: null, staged: null },
  ingress: {
    verdict: "deny",
    by: [],
    nearest: { ...ingressRule, because: "port 5432 is not 5433" },
    isolatedBy,
    staged: null,
  },
};

export const different: Verification = {
  state: "different",
  generation: 41,
  revision: 41,
  endpoints: 1,
  entries: 24,
  classes: 310,
  excluded: 2,
  differences: [
    {
      map: "policy",
      endpoints: [12],
      what: "slot 7, ingress from identity 20482 (shop {app=db}), TCP/80: verdict",
      expected: "allow",
      found: "deny",
      rules: ["NetworkPolicy shop/web ingress[0]"],
    },
    {
      map: "ipcache",
      endpoints: [],
      what: "10.0.0.9/32: entry",
      expected: null,
      found: "identity 1 (host)",
      rules: [],
    },
  ],
  more: 3,
};

export const logLevel: OptionView = { name: "log-level", value: "info", origin: "default", live: false, start: null };
export const enforcement: OptionView = {
  name: "enforcement",
  value: "always",
  origin: "live",
  live: true,
  start: { value: "default", origin: "default" },
};

export const policyView: PolicyView = {
  kind: "NetworkPolicy",
  namespace: "shop",
  name: "web",
  file: "web.yaml",
  line: 1,
  origin: "objects",
  revision: 40,
};

export const stagedRule: StagedView = {
  kind: "CiliumNetworkPolicy",
  namespace: "shop",
  name: "x",
  rule: "ingressDeny[0]",
  file: "x.yaml",
  line: 3,
  denied: 7,
  allowed: 0,
  redirected: 0,
  last: "2026-01-31T12:00:00.123456789Z",
};
export const stagedObject: StagedView = { ...stagedRule, name: "y", rule: null, file: "y.yaml", denied: 0, last: null };

export const policy: PolicyObjectView = {
  ...policyView,
  manifest: { kind: "NetworkPolicy", metadata: { name: "web", namespace: "shop" } },
};

const judged = {
  identity: 20481,
  addressClass: 0,
  endpoint: 12,
  rules: [5],
  verdict: "allow",
  match: "l3-l4",
} as const;

export const event: DatapathEvent = {
  sequence: 7,
  time: "2026-01-31T12:00:00.123456789Z",
  type: "policy-verdict",
  reason: "POLICY_DENIED",
  reasonNumber: 133,
  hook: "pod-egress",
  ifindex: 33,
  file: "judge.h",
  line: 99,
  generation: "41",
  family: "IPv4",
  protocol: 6,
  source: "10.0.0.7",
  destination: "10.0.0.8",
  sourcePort: 40_000,
  destinationPort: 5432,
  tcpFlags: ["SYN"],
  icmpType: 0,
  icmpCode: 0,
  isReply: false,
  length: 74,
  ends: {
    source: judged,
    destination: { ...judged, identity: 20482, endpoint: 13, rules: [], verdict: "deny", match: "none" },
  },
  packets: { source: "0", destination: "0" },
  bytes: { source: "0", destination: "0" },
  connection: [],
};

export const flow: Flow = {
  time: "2026-01-31T12:00:00.123456789Z",
  uuid: "00000000-0000-8000-8000-000000000000",
  verdict: "DROPPED",
  drop_reason: 133,
  drop_reason_desc: "POLICY_DENIED",
  IP: { source: "10.0.0.7", destination: "10.0.0.8", ipVersion: "IPv4" },
  l4: { TCP: { source_port: 40000, destination_port: 5432, flags: { SYN: true } } },
  source: { ID: 12, identity: 20481, namespace: "shop", labels: ["k8s:app=web"], pod_name: "web-1" },
  destination: { ID: 13, identity: 20482, namespace: "shop", labels: ["k8s:app=db"], pod_name: "db-0" },
  Type: "L3_L4",
  node_name: "n1",
  event_type: { type: 5, sub_type: 0 },
  traffic_direction: "INGRESS",
  policy_match_type: 0,
  is_reply: false,
  weir: {
    rules: [],
    nearest: { ...ingressRule, because: "port 5432 is not 5433" },
    generation: "41",
    reason: "no rule allows it",
    denied: "ingress",
    isolatedBy,
  },
};

const webMember = { kind: "pod", name: "shop/web-1" };

/** The typed objects that are in force: two pods, of which one takes only TCP 5432 from the other. */
export const objects = [
  pod("web-1", "web", "10.0.0.7"),
  pod("db-0", "db", "10.0.0.8"),
  {
    kind: "NetworkPolicy",
    namespace: "shop",
    name: "db",
    source: { file: "db.yaml", line: 1 },
    controls: { object: {}, rules: {} },
    podSelector: { matchLabels: { app: "db" }, matchExpressions: [] },
    policyTypes: ["Ingress"],
    ingress: [
      {
        line: 9,
        peers: [
          {
            podSelector: { matchLabels: { app: "web" }, matchExpressions: [] },
            namespaceSelector: null,
            ipBlock: null,
          },
        ],
        ports: [{ protocol: "TCP", port: 5432, endPort: null }],
      },
    ],
    egress: [],
  },
];

function pod(name: string, app: string, address: string): Record<string, unknown> {
  return {
    kind: "Pod",
    namespace: "shop",
    name,
    source: { file: "node", line: null },
    labels: { app },
    serviceAccount: "default",
    namedPorts: [],
    addresses: [address],
    hostNetwork: false,
  };
}

export const isWeb = ({ kind, namespace, name }: ObjectName): boolean =>
  kind === policy.kind && namespace === policy.namespace && name === policy.name;

/** A port that would be opened. */
export const trafficChange: TrafficChange = {
  before: "deny",
  after: "allow",
  source: { kind: "pod", description: "shop/web", example: "shop/web-1", count: 1, members: [webMember] },
  destination: { kind: "pod", description: "shop/db", example: "shop/db-0", count: 1, members: [] },
  protocol: "TCP",
  ports: "5433",
  traffic: [{ protocol: "TCP", first: 5433, last: 5433 }],
  ends: ["ingress"],
  by: { before: [], after: [ingressRule] },
  nearest: null,
  example: {
    from: "shop/web-1",
    to: "shop/db-0",
    kinds: ["pod", "pod"],
    names: [],
    protocol: "TCP",
    port: 5433,
    canBeEvaluated: true,
  },
};
