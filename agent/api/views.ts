/**
 * What the agent shows of itself: the JSON shapes of the reading commands. Addresses
 * are text, `null` where there is none; times are RFC 3339 with nanoseconds.
 */
import * as z from "zod";

/** The number of the node itself, which is an endpoint while policies select it. */
export const HOST_ENDPOINT = 65_536;

const labels = z.record(z.string(), z.string());

export const endpointView = z.object({
  id: z.int().positive(),
  containerId: z.string(),
  ifName: z.string(),
  hostInterface: z.string(),
  namespace: z.string(),
  pod: z.string(),
  /** The pod's own labels. */
  labels,
  identity: z.int(),
  ipv4: z.string().nullable(),
  ipv6: z.string().nullable(),
  /** `ready` when its policy is in force; else what it waits for. */
  state: z.string(),
  /** Directions in which some policy selects it. */
  policy: z.object({ ingress: z.boolean(), egress: z.boolean() }),
  /** Revision of the policy that is in force for it. */
  revision: z.int(),
  /** Limits in bits a second; null: none. */
  bandwidth: z.object({ egress: z.number().nullable(), ingress: z.number().nullable() }),
});
export type EndpointView = z.infer<typeof endpointView>;

/** One thing that happened to an endpoint. */
export const endpointLogEntry = z.object({ time: z.string(), event: z.string(), message: z.string() });
export type EndpointLogEntry = z.infer<typeof endpointLogEntry>;

export const identityView = z.object({
  id: z.int(),
  labels,
  /** `cluster`: the same number on every node. `local`: of this node only. */
  scope: z.enum(["reserved", "cluster", "local"]),
});
export type IdentityView = z.infer<typeof identityView>;

export const mapFillView = z.object({ name: z.string(), entries: z.number(), capacity: z.number() });

/** How full a range of addresses is; `kept`: for pods that may come back. */
export const rangeFillView = z.object({
  pool: z.string(),
  cidr: z.string(),
  used: z.int(),
  cooling: z.int(),
  kept: z.int(),
  capacity: z.number(),
});

export const statusView = z.looseObject({
  /** `degraded` as soon as there is a problem. */
  state: z.enum(["ok", "degraded"]),
  node: z.string(),
  revision: z.int(),
  /** How policy is read: the options that can be set live. */
  policy: z.looseObject({
    enforcement: z.enum(["default", "always", "never"]),
    cidrMatchesPods: z.union([z.literal("language"), z.boolean()]),
    audit: z.boolean(),
  }),
  store: z.looseObject({ kind: z.string(), state: z.string() }),
  /**
   * `devices`: those of the node's own that have programs. `resets`: TCP senders that were told that policy has cut them.
   * `captures`: how many read dropped packets now.
   */
  datapath: z.looseObject({
    attach: z.string(),
    programs: z.string(),
    devices: z.array(z.string()).readonly(),
    resets: z.int(),
    captures: z.int(),
  }),
  /** Events of the datapath: kept, of at most so many; seen since the agent started; and lost since load, because the kernel's ring was full. */
  flows: z.looseObject({ kept: z.int(), capacity: z.int(), seen: z.int(), lost: z.int() }),
  /** Under which addresses pods reach the world. Counts since load: ports given, ports found taken, packets that got none. */
  masquerade: z.looseObject({
    enabled: z.boolean(),
    devices: z
      .array(z.object({ name: z.string(), ipv4: z.string().nullable(), ipv6: z.string().nullable() }))
      .readonly(),
    allocated: z.number(),
    retries: z.number(),
    exhausted: z.number(),
  }),
  /**
   * The process that looks into requests. `off`: no rule has asked for it. `outdated`: it does not have the newest rules yet,
   * whose version is `wanted`. `silent`: it does not show the datapath that it works. Counts are since it started; `draining`:
   * earlier ones with connections left. `bypassed`: new connections that have passed without it, because it did not work and
   * their rules let them, since load. Connections that it ended: `refused`, one pod has too many, or all; `late`, nothing came in
   * time; `unrecognised`, of no protocol that a rule asks for. `unreachable`: calls to servers that failed.
   */
  proxy: z.looseObject({
    state: z.enum(["off", "ok", "starting", "outdated", "silent"]),
    pid: z.int().nullable(),
    build: z.string().nullable(),
    version: z.int(),
    wanted: z.int(),
    workers: z.int(),
    connections: z.int(),
    lostRecords: z.int(),
    draining: z.int(),
    bypassed: z.int(),
    refused: z.int(),
    late: z.int(),
    unrecognised: z.int(),
    unreachable: z.int(),
  }),
  /**
   * DNS names that pods have asked for: how many, with how many addresses, `kept` of which because a connection lives. Answers since
   * the agent started: admitted, and refused because there is no room.
   */
  names: z.looseObject({
    names: z.int(),
    addresses: z.int(),
    kept: z.int(),
    admitted: z.int(),
    refused: z.int(),
  }),
  /** The CNI plugin, where the agent installs it; `setAside`: backups of the networks of others. */
  cni: z.looseObject({
    state: z.enum(["off", "waiting", "installed", "incomplete"]),
    binary: z.string().nullable(),
    conflist: z.string().nullable(),
    /** In the order of their calls. */
    plugins: z.array(z.string()).readonly(),
    cniVersions: z.array(z.string()).readonly(),
    setAside: z.array(z.string()).readonly(),
    /** What was installed, put back or renamed last, newest last. */
    events: z.array(z.object({ time: z.string(), message: z.string() })).readonly(),
  }),
  /** Addresses for this node's pods. */
  ipam: z.looseObject({ mode: z.string(), ranges: z.array(rangeFillView).readonly() }),
  maps: z.array(mapFillView).readonly(),
  /** Number of endpoints by their state. */
  endpoints: z.record(z.string(), z.int()),
  /** One sentence each. */
  problems: z.array(z.string()).readonly(),
});
export type StatusView = z.infer<typeof statusView>;

/** One series of a metric as it is now. */
export const metricView = z.object({
  /** Of a histogram with `_bucket`, `_sum` or `_count`. */
  name: z.string(),
  type: z.enum(["counter", "gauge", "histogram"]),
  labels,
  value: z.number(),
});
export type MetricView = z.infer<typeof metricView>;

/** A link to the page, that can be opened once. */
export const pageLink = z.object({ url: z.string(), expires: z.iso.datetime() });
export type PageLink = z.infer<typeof pageLink>;
