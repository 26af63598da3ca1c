import { join } from "node:path";
import {
  encodeData,
  type HookSpec,
  InterfaceHooks,
  load,
  LoaderError,
  probeFeatures,
  removeOldPrograms,
  XdpHooks,
} from "bpf-loader";
import { BpfMap, countEntries, type MapHandle, PerCpuMap, RingBuffer, systemClocks, u32, u64 } from "libbpf-ts";
import { KernelCaptures } from "./kernel-captures.ts";
import { KernelConnections } from "./kernel-connections.ts";
import { KernelControl } from "./kernel-control.ts";
import { KernelFragments } from "./kernel-fragments.ts";
import { KernelHits, sum } from "./kernel-hits.ts";
import { KernelImages } from "./kernel-images.ts";
import { KernelLimits } from "./kernel-limits.ts";
import { KernelEndpoints } from "./kernel-endpoints.ts";
import { KernelIpcache } from "./kernel-ipcache.ts";
import { kernelLookups } from "./kernel-lookups.ts";
import { KernelMasquerade } from "./kernel-masquerade.ts";
import { KernelNat } from "./kernel-nat.ts";
import { KernelPrefilter } from "./kernel-prefilter.ts";
import { KernelRehearsal } from "./kernel-rehearsal.ts";
import { KernelSlots } from "./kernel-slots.ts";
import type { Hooks, Kernel, MapFill } from "./kernel.ts";
import type { BoundedMap } from "./map-full-error.ts";
import {
  counterKey,
  counterValue,
  datapathConfig,
  type DatapathConfig,
  EventHook,
  layouts,
  proxyState,
} from "./layouts.gen.ts";

export interface KernelOptions {
  /** Where `*.bpf.o` are. */
  readonly objectFolder: string;
  /** Folder on a BPF file system. */
  readonly pinFolder: string;
  readonly config: DatapathConfig;
  readonly conntrack4Entries: number;
  readonly conntrack6Entries: number;
  /** Two of each masqueraded flow. */
  readonly nat4Entries: number;
  readonly nat6Entries: number;
  /** Entries of one policy slot. */
  readonly policyEntries: number;
  readonly endpointsMax: number;
  readonly ipcacheEntries: number;
  readonly fragmentEntries: number;
  readonly prefilterEntries: number;
  /** Rule references whose hits are counted, and those that have a limit. */
  readonly rulesMax: number;
  /** Index of an interface of this network namespace, for clsact; null when it is gone. */
  readonly interfaceIndex: (name: string) => number | null;
}

/** Seconds as the field has them: FACTS of its connection tracking. */
export const defaultConfig: DatapathConfig = {
  tcpSynTimeout: 60_000_000_000n,
  tcpEstablishedTimeout: 8_000_000_000_000n,
  tcpCloseTimeout: 10_000_000_000n,
  traceInterval: 5_000_000_000n,
  otherTimeout: 60_000_000_000n,
  openingBudget: 8192n,
  terminateOnDeny: 0,
  masqueradeFirst: 1024,
  masqueradeLast: 65_535,
  masquerade: 0,
  rehearsal: 0,
};

/** So many addresses of the node itself find room in any case. */
const NODE_ADDRESSES = 1024;

/** How often, in ms, events are looked for: packets wake nobody up. */
const eventsInterval = 50;

/** The files of the datapath in {@link KernelOptions.objectFolder}. */
export const datapathObjects = ["pod.bpf.o", "chained.bpf.o", "host.bpf.o", "xdp.bpf.o"] as const;

/** Where packets that pass are counted. */
const passing = [
  EventHook.POD_EGRESS,
  EventHook.POD_INGRESS,
  EventHook.NETDEV_INGRESS,
  EventHook.NETDEV_EGRESS,
] as const;

/** Maps of the node as a whole that can be full: see `bpf/README.md`. */
const watched = [
  "endpoints",
  "interfaces",
  "ipcache",
  "policy",
  "conntrack4",
  "conntrack6",
  "nat4",
  "nat6",
  "fragments",
  "limits",
  "rule_hits",
  "prefilter",
] as const;

/**
 * Loads the datapath, or takes over the one that is pinned, and gives its typed tables.
 *
 * @throws LoaderError `kernel-lacks` naming what is missing, and those of `load`.
 */
export function openKernel(options: KernelOptions): Kernel {
  const features = probeFeatures();
  if (features.missing.length > 0) {
    throw new LoaderError("kernel-lacks", `load datapath: this kernel lacks ${features.missing.join(", ")}`);
  }
  const readOnlyData = encodeData(datapathConfig, options.config);
  const loaded = load({
    objectPaths: datapathObjects.map((name) => join(options.objectFolder, name)),
    pinFolder: options.pinFolder,
    readOnlyData,
    mapSizes: {
      conntrack4: options.conntrack4Entries,
      conntrack6: options.conntrack6Entries,
      nat4: options.nat4Entries,
      nat6: options.nat6Entries,
      interfaces: options.endpointsMax,
      endpoints: 2 * options.endpointsMax + NODE_ADDRESSES,
      // The old and the new policy of each, and of the node, at the same time, and one to wait with.
      policy: 2 * (options.endpointsMax + 1) + 1,
      ipcache: options.ipcacheEntries,
      fragments: options.fragmentEntries,
      limits: options.rulesMax,
      prefilter: options.prefilterEntries,
      rule_hits: options.rulesMax,
    },
    layouts,
  });
  const map = (name: string): MapHandle => {
    const handle = loaded.maps.get(name);
    if (!handle) throw new Error(`open kernel: the object has no map ${name}`);
    return handle;
  };
  const { tcx } = features;
  const interfaceHooks = (linkFolder: string, spec: HookSpec): InterfaceHooks =>
    new InterfaceHooks({ linkFolder: join(options.pinFolder, linkFolder), programs: loaded.programs, spec, tcx });
  const ofPods = interfaceHooks("links", { ingress: "pod_egress", egress: "pod_ingress" });
  const ofChained = interfaceHooks("chained-links", { ingress: "chained_egress", egress: "chained_ingress" });
  const ofDevices = interfaceHooks("device-links", { ingress: "from_netdev", egress: "to_netdev" });
  const hooks = (interfaces: InterfaceHooks): Hooks => {
    return {
      attach: (ifindex, name) => interfaces.attach(ifindex, name),
      // The index is of use without tcx only, and the look-up waits while the kernel removes a device.
      detach: (name) => interfaces.detach(name, tcx ? null : options.interfaceIndex(name)),
      isSettled: (name) => interfaces.isSettled(name),
      settle: (ifindex, name) => interfaces.settle(ifindex, name),
      check: (ifindex, name) => interfaces.check(ifindex, name),
      list: () => interfaces.list(),
      holds: (ifindex, name) => interfaces.holds(ifindex, name),
    };
  };
  const xdp = loaded.programs.get("xdp_prefilter");
  if (!xdp) throw new Error("open kernel: the objects have no program xdp_prefilter");
  const early = new XdpHooks(join(options.pinFolder, "xdp-links"), xdp);
  const slots = new KernelSlots(map("policy"), options.policyEntries);
  const control = new KernelControl(map("control"));
  const lost = new PerCpuMap(map("events_lost"), u32, u64);
  const proxy = new BpfMap(map("proxy"), u32, proxyState);
  const bypassed = new PerCpuMap(map("proxy_bypassed"), u32, u64);
  const drops = new PerCpuMap(map("counters"), counterKey, counterValue);
  const resets = new PerCpuMap(map("resets"), u32, u64);
  const forwarded = new PerCpuMap(map("forwarded"), u32, counterValue);
  let counting: Promise<readonly MapFill[]> | null = null;

  return {
    policies: slots,
    endpoints: new KernelEndpoints(map("endpoints"), map("interfaces"), map("bandwidths")),
    ipcache: new KernelIpcache(map("ipcache")),
    control,
    images: new KernelImages(map),
    captures: new KernelCaptures(map),
    lookups: kernelLookups(map),
    rehearse: (familiar) =>
      new KernelRehearsal(
        {
          objectFolder: options.objectFolder,
          readOnlyData: encodeData(datapathConfig, { ...options.config, rehearsal: 1 }),
          map,
        },
        familiar,
      ),
    limits: new KernelLimits(map("limits")),
    hits: new KernelHits(map("rule_hits")),
    fragments: new KernelFragments(map("fragments")),
    connections: new KernelConnections(map("conntrack4"), map("conntrack6")),
    nat: new KernelNat(map("nat4"), map("nat6"), map("nat_counters")),
    masquerade: new KernelMasquerade(map("masquerade_ranges"), map("masquerade_devices")),
    places: () => [
      ...[ofPods, ofChained, ofDevices].flatMap((interfaces) => interfaces.places(options.interfaceIndex)),
      ...early.places(),
    ],
    hooks: hooks(ofPods),
    chainedHooks: hooks(ofChained),
    deviceHooks: hooks(ofDevices),
    earlyHooks: {
      attach: (ifindex, name) => early.attach(ifindex, name),
      detach: (name) => early.detach(name),
      list: () => early.list(),
      setTc: (on) => control.setPrefilter(on),
    },
    prefilter: new KernelPrefilter(map("prefilter")),
    attachMode: features.tcx ? "tcx" : "clsact",
    programs: loaded.hash,
    async *events(decode, signal) {
      using ring = new RingBuffer(map("events"));
      yield* ring.read(decode, signal, eventsInterval);
    },
    eventsLost: () => total(lost.get(0) ?? []),
    proxySeen: () => proxy.get(0)?.alive ?? 0n,
    proxyBypassed: () => Number(total(bypassed.get(0) ?? [])),
    resets: () => total([...resets.entries()].flatMap(([, values]) => values)),
    counters: () => [
      ...passing.map((hook) => ({
        key: { reason: 0, hook, file: 0, line: 0 },
        value: sum(forwarded.get(hook) ?? []),
      })),
      ...[...drops.entries()].map(([key, values]) => ({ key, value: sum(values) })),
    ],
    fill: () =>
      (counting ??= countAll(watched.map((name) => [name, map(name)] as const)).finally(() => (counting = null))),
    forgetOldPrograms: () => removeOldPrograms(options.pinFolder, loaded.hash),
    now: () => systemClocks.boot(),
    [Symbol.dispose]() {
      slots[Symbol.dispose]();
      control[Symbol.dispose]();
      loaded[Symbol.dispose]();
    },
  };
}

async function countAll(maps: readonly (readonly [BoundedMap, MapHandle])[]): Promise<readonly MapFill[]> {
  const fills: MapFill[] = [];
  for (const [name, map] of maps) {
    fills.push({ name, entries: await countEntries(map), capacity: map.info.maxEntries });
  }
  return fills;
}

const total = (values: readonly bigint[]): bigint => values.reduce((all, value) => all + value, 0n);
