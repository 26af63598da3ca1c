import * as z from "zod";
import { option } from "./option.ts";
import {
  boolean,
  cidrList,
  cidrMatchesPods,
  deviceNames,
  directory,
  duration,
  failsafePorts,
  integer,
  networkName,
  nodeName,
  pluginNames,
  portRange,
  word,
} from "./option-values.ts";
import { blockMasks, namedPools, podCidrs } from "./range-values.ts";

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
    description:
      "Where nodes share identities, addresses and nodes: embedded. Not in this version: consul, etcd, kubernetes, mesh.",
    default: "embedded",
    schema: word(["embedded", "consul", "etcd", "kubernetes", "mesh"]),
    available: ["embedded"],
  }),
  storeAddress: option({
    flag: "store-address",
    value: "URL",
    description: "Where the store is. Not in this version, whose store is embedded.",
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
  ipam: option({
    flag: "ipam",
    value: "MODE",
    description:
      "Who gives this node its ranges: host (--pod-cidr), kubernetes (the podCIDRs of its Node object), or cluster-pool (blocks of --cluster-pool-cidr, by the store).",
    default: "host",
    schema: word(["host", "kubernetes", "cluster-pool"]),
  }),
  podCidr: option({
    flag: "pod-cidr",
    value: "CIDR[,CIDR...]",
    description: `With --ipam host: addresses of this node's pods, of either family or both; the first of each has the pods' gateway. ${LIVE}`,
    default: "10.0.0.0/24",
    schema: podCidrs,
  }),
  clusterPoolCidr: option({
    flag: "cluster-pool-cidr",
    value: "CIDR[,CIDR...]",
    description: "With --ipam cluster-pool: what the nodes' blocks are cut from; the same on all nodes.",
    default: "10.0.0.0/8",
    schema: podCidrs,
  }),
  clusterPoolMask: option({
    flag: "cluster-pool-mask",
    value: "BITS[,BITS6]",
    description: "With --ipam cluster-pool: bits of the prefix of a block of IPv4 and of IPv6; the same on all nodes.",
    default: "24,120",
    schema: blockMasks,
  }),
  clusterPoolReclaim: option({
    flag: "cluster-pool-reclaim",
    value: "TIME",
    description:
      "With --ipam cluster-pool: how long a node's agent has to be gone before its blocks are given to others, whether pods run there or not.",
    default: "1d",
    schema: duration("1m", "365d"),
  }),
  pool: option({
    flag: "pool",
    value: "NAME=CIDR[,CIDR...]",
    description:
      "A further pool of addresses on this node, for pods by the annotation weir.io/ip-pool of the pod or its namespace; several after one another with commas, or by several flags.",
    default: null,
    defaultText: "none",
    schema: namedPools,
    repeatable: true,
  }),
  routing: option({
    flag: "routing",
    value: "MODE",
    description: "How pods of other nodes are reached. Not in this version: overlay, native.",
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
    defaultText: "those of the default routes, now or before",
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
    description: "Whether pods reach the world under the node's address: that of the device by which they do.",
    default: "true",
    schema: boolean,
  }),
  masqueradeExclude: option({
    flag: "masquerade-exclude",
    value: "CIDR[,CIDR]",
    description:
      "Destinations that pods reach under their own addresses, or none. Pods and the node's own addresses always are such.",
    default: "none",
    schema: cidrList,
  }),
  masqueradePorts: option({
    flag: "masquerade-ports",
    value: "FIRST-LAST",
    description:
      "Ports of the node that masqueraded flows may have, but for 30000-32767, which NodePorts have. One keeps its own where that is among them and free.",
    default: "1024-65535",
    schema: portRange,
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
  terminateOnDeny: option({
    flag: "terminate-on-deny",
    value: null,
    description: "Answer TCP packets of connections that a change of policy has cut with a reset, instead of silence.",
    default: "false",
    schema: boolean,
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
    description: "How long a TCP connection is remembered after its end.",
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
  nat4Entries: option({
    flag: "nat4-entries",
    value: "N",
    description: "Room for masqueraded IPv4 flows, of which each takes two entries.",
    default: "262144",
    schema: integer(1024, 16_777_216),
  }),
  nat6Entries: option({
    flag: "nat6-entries",
    value: "N",
    description: "Room for masqueraded IPv6 flows, of which each takes two entries.",
    default: "131072",
    schema: integer(1024, 16_777_216),
  }),
  policyMapEntries: option({
    flag: "policy-map-entries",
    value: "N",
    description: "Entries that one compiled policy may have.",
    default: "16384",
    schema: integer(256, 1_048_576),
  }),
  ipcacheEntries: option({
    flag: "ipcache-entries",
    value: "N",
    description: "Prefixes of addresses that the kernel knows: those of pods, of nodes, and the CIDRs of rules.",
    default: "512000",
    schema: integer(1024, 16_777_216),
  }),
  fragmentEntries: option({
    flag: "fragment-entries",
    value: "N",
    description: "Datagrams in fragments that are under way at one time; one pod has 128 at most.",
    default: "32768",
    schema: integer(1024, 16_777_216),
  }),
  prefilterEntries: option({
    flag: "prefilter-entries",
    value: "N",
    description: "Ranges that the prefilter takes.",
    default: "262144",
    schema: integer(256, 16_777_216),
  }),
  rulesMax: option({
    flag: "rules-max",
    value: "N",
    description: "Rules, and sets of them that decide together, whose hits and limits the kernel counts.",
    default: "65536",
    schema: integer(256, 1_048_576),
  }),
  endpointsMax: option({
    flag: "endpoints-max",
    value: "N",
    description: "Endpoints that this node may have.",
    default: "65535",
    schema: integer(1, 65_535),
  }),
  cniInstall: option({
    flag: "cni-install",
    value: null,
    description:
      "Install the CNI plugin and a network configuration, and keep them in place; weir cleanup removes them.",
    default: "false",
    schema: boolean,
  }),
  cniBinDir: option({
    flag: "cni-bin-dir",
    value: "DIR",
    description: "Where the container runtime looks for CNI plugins.",
    default: "/opt/cni/bin",
    schema: directory,
  }),
  cniConfDir: option({
    flag: "cni-conf-dir",
    value: "DIR",
    description: "Where the container runtime looks for network configurations, of which it takes the first by name.",
    default: "/etc/cni/net.d",
    schema: directory,
  }),
  cniChain: option({
    flag: "cni-chain",
    value: "PLUGIN[,PLUGIN]",
    description: "Plugins of --cni-bin-dir that run behind weir-cni, or none.",
    default: null,
    defaultText: "portmap, if it is there",
    schema: pluginNames,
  }),
  cniChainedTo: option({
    flag: "cni-chained-to",
    value: "NAME",
    description:
      "Guard the pods of another CNI's network: its configuration in --cni-conf-dir is installed with weir-cni at its end, and stays as it is itself.",
    default: null,
    defaultText: "none",
    schema: networkName,
  }),
  cniExclusive: option({
    flag: "cni-exclusive",
    value: null,
    description:
      "Rename other network configurations to *.weir_bak, so that no runtime can take one; weir cleanup renames them back.",
    default: "false",
    schema: boolean,
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
export const liveKeys = [
  "enforcement",
  "cidrMatchesPods",
  "audit",
  "podCidr",
] as const satisfies (keyof typeof agentOptions)[];
export type LiveKey = (typeof liveKeys)[number];
