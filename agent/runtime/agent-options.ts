import * as z from "zod";
import { option } from "./option.ts";
import {
  boolean,
  cidrMatchesPods,
  deviceNames,
  directory,
  duration,
  failsafePorts,
  integer,
  nodeName,
  podCidrs,
  word,
} from "./option-values.ts";

/** In the help of {@link liveKeys}. */
const LIVE = "A value of `weir config set` goes before it.";

/**
 * Every option of `weir agent`, once: the command line, the environment, the file, the
 * help and the documentation all come from here. The key is the name in `AgentConfig`.
 */
export const agentOptions = {
  runDir: option({
    flag: "run-dir",
    value: "DIR",
    description: "Sockets and the pid file.",
    default: "/run/weir",
    schema: directory,
  }),
  stateDir: option({
    flag: "state-dir",
    value: "DIR",
    description: "Endpoint records, allocators and applied objects; survives a restart.",
    default: "/var/lib/weir",
    schema: directory,
  }),
  bpffs: option({
    flag: "bpffs",
    value: "DIR",
    description: "BPF file system where maps and links are pinned, in the folder weir; mounted if nothing is there.",
    default: "/sys/fs/bpf",
    schema: directory,
  }),
  cgroup: option({
    flag: "cgroup",
    value: "DIR",
    description: "cgroup2 folder for socket hooks.",
    default: null,
    defaultText: "detected",
    schema: directory,
  }),
  nodeName: option({
    flag: "node-name",
    value: "NAME",
    description: "This node's name.",
    default: null,
    defaultText: "host name",
    schema: nodeName,
  }),
  store: option({
    flag: "store",
    value: "KIND",
    description: "Where nodes share identities, addresses and nodes: embedded, consul, etcd, kubernetes or mesh.",
    default: "embedded",
    schema: word(["embedded", "consul", "etcd", "kubernetes", "mesh"]),
    available: ["embedded"],
  }),
  storeAddress: option({
    flag: "store-address",
    value: "URL",
    description: "Where the store is; not for the embedded one.",
    default: null,
    schema: z.string().min(1),
    available: [],
  }),
  objects: option({
    flag: "objects",
    value: "DIR",
    description: "Folder of Kubernetes objects in YAML or JSON files; watched.",
    default: null,
    defaultText: "none",
    schema: directory,
  }),
  podCidr: option({
    flag: "pod-cidr",
    value: "CIDR[,CIDR6]",
    description: "Addresses of this node's pods.",
    default: "10.0.0.0/24",
    schema: podCidrs,
  }),
  ipam: option({
    flag: "ipam",
    value: "MODE",
    description: "Who gives this node its ranges: host (--pod-cidr), cluster-pool or kubernetes.",
    default: "host",
    schema: word(["host", "cluster-pool", "kubernetes"]),
    available: ["host"],
  }),
  routing: option({
    flag: "routing",
    value: "MODE",
    description: "How pods of other nodes are reached: overlay or native.",
    default: null,
    defaultText: "pods of this node only",
    schema: word(["overlay", "native"]),
    available: [],
  }),
  device: option({
    flag: "device",
    value: "NAME[,NAME]",
    description: "The node's devices towards other nodes and the world.",
    default: null,
    defaultText: "those of the default routes",
    schema: deviceNames,
  }),
  prefilter: option({
    flag: "prefilter",
    value: "HOOK",
    description: "Where addresses of `weir prefilter` are dropped: xdp (tc where a device does not take it), or tc.",
    default: "xdp",
    schema: word(["xdp", "tc"]),
  }),
  hostFailsafeInbound: option({
    flag: "host-failsafe-inbound",
    value: "PROTOCOL:PORT[,...]",
    description:
      "Ports of this node that stay open whatever policies about nodes say, denials included; none: no port does.",
    default: "tcp:22,udp:68,udp:546,tcp:179,tcp:2379-2380,tcp:6443",
    schema: failsafePorts,
  }),
  hostFailsafeOutbound: option({
    flag: "host-failsafe-outbound",
    value: "PROTOCOL:PORT[,...]",
    description: "Ports that this node may connect to whatever policies about nodes say, denials included, or none.",
    default: "udp:53,udp:67,udp:547,tcp:179,tcp:2379-2380,tcp:6443",
    schema: failsafePorts,
  }),
  masquerade: option({
    flag: "masquerade",
    value: "BOOL",
    description: "Whether pods reach the world under the node's address.",
    default: "false",
    schema: boolean,
    available: ["false"],
  }),
  enforcement: option({
    flag: "enforcement",
    value: "MODE",
    description: `Which pods are guarded: default (those that a policy selects), always or never. ${LIVE}`,
    default: "default",
    schema: word(["default", "always", "never"]),
  }),
  cidrMatchesPods: option({
    flag: "cidr-matches-pods",
    value: "WHEN",
    description: `Whether rules about addresses speak of pods and nodes, too: language (as the policy's language says), true or false. ${LIVE}`,
    default: "language",
    schema: cidrMatchesPods,
  }),
  audit: option({
    flag: "audit",
    value: null,
    description: `Report what policy would deny, and let it pass. ${LIVE}`,
    default: "false",
    schema: boolean,
  }),
  conntrack4Entries: option({
    flag: "conntrack4-entries",
    value: "N",
    description: "IPv4 connections that the kernel remembers.",
    default: "524288",
    schema: integer(1024, 16_777_216),
  }),
  conntrack6Entries: option({
    flag: "conntrack6-entries",
    value: "N",
    description: "IPv6 connections that the kernel remembers.",
    default: "262144",
    schema: integer(1024, 16_777_216),
  }),
  conntrackTcpSynTimeout: option({
    flag: "conntrack-tcp-syn-timeout",
    value: "TIME",
    description: "How long a TCP handshake may take.",
    default: "60s",
    schema: duration("1s", "10m"),
  }),
  conntrackTcpEstablishedTimeout: option({
    flag: "conntrack-tcp-established-timeout",
    value: "TIME",
    description: "How long an idle TCP connection is remembered.",
    default: "2h13m20s",
    schema: duration("10s", "7d"),
  }),
  conntrackTcpCloseTimeout: option({
    flag: "conntrack-tcp-close-timeout",
    value: "TIME",
    description: "How long a TCP connection is remembered after its end, or after policy has cut it.",
    default: "10s",
    schema: duration("1s", "10m"),
  }),
  conntrackOtherTimeout: option({
    flag: "conntrack-other-timeout",
    value: "TIME",
    description: "How long idle UDP, ICMP and other connections are remembered.",
    default: "60s",
    schema: duration("10s", "1d"),
  }),
  openingBudget: option({
    flag: "opening-budget",
    value: "N",
    description:
      "Connections of one pod that may wait for their first answer; the handshake's timeout gives them back.",
    default: "8192",
    schema: integer(1, 1_048_576),
  }),
  policyMapEntries: option({
    flag: "policy-map-entries",
    value: "N",
    description: "Entries that one compiled policy may have.",
    default: "16384",
    schema: integer(256, 1_048_576),
  }),
  endpointsMax: option({
    flag: "endpoints-max",
    value: "N",
    description: "Endpoints that this node may have.",
    default: "65535",
    schema: integer(1, 65_535),
  }),
  logLevel: option({
    flag: "log-level",
    value: "LEVEL",
    description: "trace, debug, info, warn, error, fatal or silent.",
    default: "info",
    schema: word(["trace", "debug", "info", "warn", "error", "fatal", "silent"]),
  }),
  logFormat: option({
    flag: "log-format",
    value: "FORMAT",
    description: "json, pretty, or auto: pretty on a terminal.",
    default: "auto",
    schema: word(["json", "pretty", "auto"]),
  }),
} as const;

/** Options that can be set while the agent runs. */
export const liveKeys = ["enforcement", "cidrMatchesPods", "audit"] as const satisfies (keyof typeof agentOptions)[];
export type LiveKey = (typeof liveKeys)[number];
