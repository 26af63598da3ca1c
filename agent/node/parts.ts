import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { systemClocks } from "libbpf-ts";
import { IpamLeases } from "#agent/cni/ipam-leases.ts";
import { openKernel } from "#agent/datapath/open-kernel.ts";
import type { Kernel } from "#agent/datapath/kernel.ts";
import { IdentityRange, ReservedIdentity } from "#agent/datapath/layouts.gen.ts";
import { Enforcement } from "#agent/endpoint/enforcement.ts";
import { EndpointManager } from "#agent/endpoint/manager.ts";
import { Outsiders } from "#agent/endpoint/outsiders.ts";
import { PolicyController } from "#agent/endpoint/policy-controller.ts";
import { EndpointRecords } from "#agent/endpoint/records.ts";
import { IdentityAllocator } from "#agent/identity/identity-allocator.ts";
import { NumberedSets } from "#agent/identity/numbered-sets.ts";
import { RuleReferences } from "#agent/identity/rule-references.ts";
import type { ClusterBlocks } from "#agent/ipam/cluster-blocks.ts";
import type { Ipam } from "#agent/ipam/ipam.ts";
import { addressesOf } from "#agent/ipam/lease.ts";
import { AddressSpace } from "#agent/ipcache/address-space.ts";
import { AppliedObjects } from "#agent/kubernetes/applied-objects.ts";
import { LastValidFiles } from "#agent/kubernetes/last-valid-files.ts";
import { MergedObjects } from "#agent/kubernetes/merged-objects.ts";
import type { ObjectSource } from "#agent/kubernetes/object-source.ts";
import { ObjectsFolder } from "#agent/kubernetes/objects-folder.ts";
import type { LearnedNames } from "#agent/fqdn/learned-names.ts";
import { Observations } from "#agent/metrics/observations.ts";
import { NetlinkSocket } from "#agent/net/netlink-socket.ts";
import { ensureProxyRoutes, planProxySettings } from "#agent/net/proxy-routes.ts";
import { nodeAddresses } from "#agent/net/node-addresses.ts";
import { getAddresses, parseAddress } from "#agent/netlink/address.ts";
import { NetlinkConnection } from "#agent/netlink/connection.ts";
import { CniInstall } from "#agent/install/cni-install.ts";
import { AgentEvents } from "#agent/runtime/agent-events.ts";
import { SystemClock } from "#agent/runtime/clock.ts";
import { bootId } from "#agent/runtime/boot-id.ts";
import type { AgentConfig, LoadedConfig } from "#agent/runtime/config.ts";
import { LiveOptions } from "#agent/runtime/live-options.ts";
import { changeSettings } from "./change-settings.ts";
import { policyOptionsOf } from "./config-service.ts";
import { type Log, subsystemLog } from "#agent/runtime/log.ts";
import { PersistentCounter } from "#agent/runtime/persistent-counter.ts";
import { SerialExecutor } from "#agent/runtime/serial-executor.ts";
import { proxyCommand } from "#agent/redirect/proxy-command.ts";
import { proxyRouting } from "#agent/redirect/proxy-routing.ts";
import { startProxy } from "#agent/redirect/proxy-process.ts";
import { Redirect } from "#agent/redirect/redirect.ts";
import { ownBuild } from "#agent/runtime/build.ts";
import { openStore } from "#agent/store/open-store.ts";
import type { Store } from "#agent/store/store.ts";
import { PolicyEngine } from "#policy/compile/engine.ts";
import { objectKey } from "#policy/model/object.ts";
import { proxyLog } from "#agent/api/run-dir-paths.ts";
import type { FlowExporter } from "#agent/export/exporter.ts";
import { ensureBpffs } from "./bpffs.ts";
import { datapathConfigOf } from "./datapath-config.ts";
import { lockFolder } from "./folder-lock.ts";
import { NodeDevices } from "./devices.ts";
import { foreignHostSides, HostNetwork } from "./host-network.ts";
import { interfaceNameOf } from "./flow-context.ts";
import { openExporters } from "./exporters.ts";
import type { NodeObjectRanges } from "./node-object-ranges.ts";
import { tellEndpoint, tellPolicies, toldIpcache } from "./agent-events.ts";
import { type EarlierNames, type NamesParts, openNames } from "./open-names.ts";
import { openIpam } from "./open-ipam.ts";
import { Masquerade } from "./masquerade.ts";
import { Prefilter } from "./prefilter.ts";
import { PodTable } from "./pod-table.ts";
import { RequestLog } from "./request-log.ts";
import { answerWhileStarting } from "./starting.ts";

/** Bytes of an IP packet, where nobody says otherwise. */
const defaultMtu = 1500;

/** Everything that a running node consists of, put together; nothing has happened yet but opening. */
export interface NodeParts {
  readonly config: AgentConfig;
  /** Options that can be set while the agent runs. */
  readonly live: LiveOptions;
  readonly log: Log;
  readonly clock: SystemClock;
  /** What metrics tell of that nothing else holds. */
  readonly observations: Observations;
  /** Where what the proxy tells of requests goes. */
  readonly requests: RequestLog;
  /** What the agent has done, for those who look. */
  readonly agentEvents: AgentEvents;
  /** Where flows are brought to. */
  readonly exporters: readonly FlowExporter[];
  readonly kernel: Kernel;
  readonly connection: NetlinkConnection;
  readonly host: HostNetwork;
  readonly devices: NodeDevices;
  readonly prefilter: Prefilter;
  readonly masquerade: Masquerade;
  readonly store: Store;
  /** Answers until the node does. */
  readonly starting: AsyncDisposable;
  readonly identities: IdentityAllocator;
  readonly references: RuleReferences;
  readonly redirect: Redirect;
  readonly names: LearnedNames;
  readonly restoreNames: EarlierNames["restore"];
  readonly ipam: Ipam;
  /** With `--ipam cluster-pool`. */
  readonly blocks: ClusterBlocks | null;
  /** With `--ipam kubernetes`. */
  readonly nodeObject: NodeObjectRanges | null;
  /** Addresses of other plugins' interfaces. */
  readonly leases: IpamLeases;
  readonly records: EndpointRecords;
  readonly enforcement: Enforcement;
  readonly endpoints: EndpointManager;
  readonly policy: PolicyController;
  readonly applied: AppliedObjects;
  readonly objects: MergedObjects;
  readonly pods: PodTable;
  readonly outsiders: Outsiders;
  /** Null: the CNI plugin is installed by somebody else. */
  readonly install: CniInstall | null;
  /** All changes of endpoints and policy go through here, one at a time. */
  readonly changes: SerialExecutor;
}

/**
 * Opens the parts of a node; what they hold open is closed with the stack.
 *
 * @throws the typed error of whatever stands in the way.
 */
export async function openParts(
  loaded: LoadedConfig,
  log: Log,
  signal: AbortSignal,
  stack: AsyncDisposableStack,
): Promise<NodeParts> {
  const { config } = loaded;
  const state = (name: string): string => join(config.stateDir, name);
  stack.use(lockFolder(config.stateDir, "--state-dir"));
  const live = new LiveOptions(config.stateDir, loaded);
  const clock = new SystemClock(systemClocks);
  const pinFolder = ensureBpffs(config.bpffs);
  stack.use(lockFolder(pinFolder, "--bpffs"));
  const observations = new Observations();
  const requests = new RequestLog(observations);
  const connection = new NetlinkConnection(stack.use(NetlinkSocket.open()));
  const host = new HostNetwork(connection);
  const kernel = stack.use(
    openKernel({
      objectFolder: objectFolder(),
      pinFolder,
      config: datapathConfigOf(config),
      conntrack4Entries: config.conntrack4Entries,
      conntrack6Entries: config.conntrack6Entries,
      nat4Entries: config.nat4Entries,
      nat6Entries: config.nat6Entries,
      policyEntries: config.policyMapEntries,
      endpointsMax: config.endpointsMax,
      ipcacheEntries: config.ipcacheEntries,
      fragmentEntries: config.fragmentEntries,
      prefilterEntries: config.prefilterEntries,
      rulesMax: config.rulesMax,
      interfaceIndex: (name) => host.index(name),
    }),
  );
  const devices = stack.use(new NodeDevices({ connection, hooks: kernel.deviceHooks, wanted: config.device }));
  const store = stack.use(await openStore(config, clock, subsystemLog(log, "store")));
  const starting = stack.use(await answerWhileStarting({ config, live, store, log: subsystemLog(log, "api") }));
  const identities = await IdentityAllocator.open({
    store,
    node: config.nodeName,
    clock,
    log: subsystemLog(log, "identity"),
    signal,
  });
  const references = stack.use(new RuleReferences(state("rules.journal")));
  const filtering = {
    nodeName: config.nodeName,
    rules: (reference: number) => references.lookup(reference),
    interfaceName: (ifindex: number) => interfaceNameOf({ endpoints, devices }, ifindex),
  };
  const exporters = await openExporters(config, filtering, clock, subsystemLog(log, "export"), stack);
  const { CLASS_FIRST, CLASS_LAST, NODE_FIRST, NODE_LAST } = IdentityRange;
  const numbered = (name: string, what: string, first: number, last: number): NumberedSets =>
    stack.use(new NumberedSets({ path: state(name), what, first, last }));
  const classes = numbered("classes.journal", "set of address ranges", CLASS_FIRST, CLASS_LAST);
  const nodeLabels = numbered("nodes.journal", "set of node labels", NODE_FIRST, NODE_LAST);
  const outsiders = new Outsiders(nodeLabels, config.nodeName);
  const { applied, objects } = openObjects(config, log, clock, signal, stack);
  const { ipam, blocks, nodeObject } = await openIpam(
    { config, podCidr: live.values.podCidr, store, objects: objects.current().objects, clock, log },
    stack,
  );
  const pods = new PodTable();

  const agentEvents = new AgentEvents(() => clock.wallNanoseconds(clock.bootNanoseconds()));
  agentEvents.add({ type: "AGENT_STARTED" });

  const changes = new SerialExecutor();
  const setNames: NamesParts["setNames"] = (said) => enforcement.setNames(said);
  const namesLog = subsystemLog(log, "fqdn");
  const { names, restore: restoreNames } = await openNames({ config, kernel, setNames, changes, log: namesLog }, stack);
  const redirect = stack.use(
    new Redirect({
      runDir: config.runDir,
      build: ownBuild(),
      route: () => {
        changeSettings(config.stateDir, planProxySettings(), log);
        ensureProxyRoutes(connection, proxyRouting);
      },
      silence: () => Number(clock.bootNanoseconds() - kernel.proxySeen()) / 1e6,
      start: (replaces) => startProxy(proxyCommand(config, replaces), proxyLog(config.runDir)),
      clock,
      log: subsystemLog(log, "redirect"),
      records: (records, lost) => requests.add(records, lost),
      shownHeaders: config.l7ShowHeaders,
      namesDenier: config.l7NameDenier,
      admit: (answer) => names.admit(answer),
      heard: (answer) => names.hear(answer),
      minTtl: config.dnsMinTtl,
      dnsDenial: config.dnsDenial,
    }),
  );

  const own = (): string[] => [...nodeAddresses(connection), ...addressesOf(ipam.gateway)];
  const hostFailsafe = { inbound: config.hostFailsafeInbound, outbound: config.hostFailsafeOutbound };
  const enforcement = new Enforcement(new PolicyEngine([], { ...policyOptionsOf(live.values), hostFailsafe }), {
    kernel,
    addresses: new AddressSpace({
      table: toldIpcache(kernel.ipcache, agentEvents),
      control: kernel.control,
      classes,
      fallback: ReservedIdentity.WORLD,
      outsiders: [ReservedIdentity.KUBE_APISERVER],
      namesGrantInside: config.dnsGrantsInside,
    }),
    references,
    redirected: redirect,
    boot: (instant) => clock.bootOf(instant),
    reserved: unmanagedRanges(ipam.cidrs),
    nodeIdentity: ReservedIdentity.HOST,
    nodeAddresses: own(),
  });
  const prefilter = new Prefilter({
    table: kernel.prefilter,
    hooks: kernel.earlyHooks,
    path: state("prefilter.json"),
    useXdp: config.prefilter === "xdp",
    own: () => [...own(), ...ipam.cidrs],
  });
  const masquerade = new Masquerade({
    table: kernel.masquerade,
    nat: kernel.nat,
    enabled: config.masquerade,
    pods: () => ipam.cidrs,
    excluded: config.masqueradeExclude,
    own,
    addresses: () => connection.dump(getAddresses(), parseAddress),
    now: () => performance.now(),
    failed: (error, what) => log.error({ err: error }, what),
  });
  const incarnations = new PersistentCounter(state("incarnations.json"), 0xffffffff);
  const records = new EndpointRecords(config.stateDir, bootId());
  const endpoints = new EndpointManager({
    enforcement,
    records,
    pool: ipam,
    identities,
    hooks: kernel.hooks,
    chained: { hooks: kernel.chainedHooks, host: foreignHostSides(connection) },
    connections: {
      removeAddresses: async (addresses) => {
        await Promise.all([kernel.connections.removeAddresses(addresses), kernel.nat.removeAddresses(addresses)]);
      },
    },
    host,
    mtu: defaultMtu,
    podFacts: (namespace, pod) => pods.find(namespace, pod),
    changed: (change) => tellEndpoint(agentEvents, change),
    addressWish: (namespace, pod) => pods.addressWish(namespace, pod),
    relevantLabels: (labels) => pods.relevantLabels(labels),
    nextIncarnation: () => incarnations.next(),
    randomMac,
    now: () => clock.now(),
    failed: (error, what) => log.error({ err: error }, what),
  });
  const policy = new PolicyController({
    outsiders,
    enforcement,
    endpoints,
    pods,
    options: policyOptionsOf(live.values),
    generation: () => kernel.control.generation(),
    now: () => clock.now(),
    changed: (changes) => tellPolicies(agentEvents, changes),
    updated: (accepted, duration) => observations.policyUpdate(accepted ? "in-force" : "refused", duration / 1000),
    failed: (error, what) => log.error({ err: error }, what),
  });
  const install = config.cniInstall ? cniInstall(config, log, clock) : null;
  return {
    config,
    live,
    log,
    clock,
    observations,
    requests,
    agentEvents,
    exporters,
    kernel,
    connection,
    host,
    devices,
    prefilter,
    masquerade,
    store,
    starting,
    identities,
    references,
    redirect,
    names,
    restoreNames,
    ipam,
    blocks,
    nodeObject,
    leases: new IpamLeases(config.stateDir, ipam),
    records,
    enforcement,
    endpoints,
    policy,
    applied,
    objects,
    pods,
    outsiders,
    install,
    changes,
  };
}

function openObjects(
  config: AgentConfig,
  log: Log,
  clock: SystemClock,
  signal: AbortSignal,
  stack: AsyncDisposableStack,
): { applied: AppliedObjects; objects: MergedObjects } {
  const sources: ObjectSource[] = [];
  if (config.objects !== null) {
    const lastValid = stack.use(new LastValidFiles(join(config.stateDir, "objects.journal")));
    sources.push(
      new ObjectsFolder({ path: config.objects, lastValid, clock, log: subsystemLog(log, "objects"), signal }),
    );
  }
  const [folder] = sources;
  const applied = new AppliedObjects({
    path: join(config.stateDir, "objects"),
    log: subsystemLog(log, "objects"),
    elsewhere: (key) => {
      const all = folder?.current().groups.flatMap((group) => group.objects) ?? [];
      return all.find((object) => objectKey(object) === key)?.source ?? null;
    },
  });
  return { applied, objects: stack.use(new MergedObjects([...sources, applied])) };
}

function cniInstall(config: AgentConfig, log: Log, clock: SystemClock): CniInstall {
  return new CniInstall({
    binDir: config.cniBinDir,
    confDir: config.cniConfDir,
    stateDir: config.stateDir,
    program: join(distFolder(), "weir-cni"),
    runDir: config.runDir,
    mtu: defaultMtu,
    chain: config.cniChain,
    chainedTo: config.cniChainedTo,
    exclusive: config.cniExclusive,
    clock,
    log: subsystemLog(log, "cni-install"),
  });
}

/** A pod's address that no endpoint has (any more) is nobody's, never the world's. */
export function unmanagedRanges(cidrs: readonly string[]): { prefix: string; identity: number }[] {
  return cidrs.map((prefix) => ({ prefix, identity: ReservedIdentity.UNMANAGED }));
}

/** Beside the bundle (`dist/bpf`), or in the tree's `dist` when run from the sources. */
function objectFolder(): string {
  return process.env["WEIR_BPF_OBJECTS"] ?? join(distFolder(), "bpf");
}

/** Where the bundle's folder is, or the tree's `dist` when run from the sources. */
function distFolder(): string {
  return join(import.meta.dirname, import.meta.filename.endsWith(".ts") ? "../../dist" : "..");
}

/** Locally administered, unicast. */
function randomMac(): string {
  const bytes = randomBytes(6);
  bytes[0] = ((bytes[0] as number) & 0xfc) | 0x02;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}
