import { join } from "node:path";
import { AddressLedger } from "#agent/ipam/address-ledger.ts";
import { ClusterBlocks } from "#agent/ipam/cluster-blocks.ts";
import { IpamError } from "#agent/ipam/errors.ts";
import { Ipam, type IpamOptions } from "#agent/ipam/ipam.ts";
import { DEFAULT_POOL } from "#agent/ipam/lease.ts";
import type { Clock } from "#agent/runtime/clock.ts";
import type { AgentConfig } from "#agent/runtime/config.ts";
import { type Log, subsystemLog } from "#agent/runtime/log.ts";
import type { Store } from "#agent/store/store.ts";
import { cidrContains, parseCidr } from "#policy/model/cidr.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { NodeObjectRanges } from "./node-object-ranges.ts";

/** How long a released address rests, in milliseconds. */
const COOLDOWN = 30_000;

export interface OpenIpamOptions {
  readonly config: AgentConfig;
  /** `--pod-cidr` as it is set now. */
  readonly podCidr: readonly string[];
  readonly store: Store;
  readonly objects: readonly PolicyObject[];
  readonly clock: Clock;
  readonly log: Log;
}

export interface OpenedIpam {
  readonly ipam: Ipam;
  /** With `--ipam cluster-pool`. */
  readonly blocks: ClusterBlocks | null;
  /** With `--ipam kubernetes`. */
  readonly nodeObject: NodeObjectRanges | null;
}

/** The addresses of this node's pods, from where `--ipam` says. @throws IpamError, JournalError, StoreError. */
export async function openIpam(options: OpenIpamOptions, stack: AsyncDisposableStack): Promise<OpenedIpam> {
  const { config, podCidr, store, objects, clock, log } = options;
  const state = (name: string): string => join(config.stateDir, name);
  const ledger = stack.use(new AddressLedger({ path: state("addresses.journal"), clock, cooldown: COOLDOWN }));
  const named = (config.pool ?? []).map(({ name, cidrs }) => [name, cidrs] as const);
  const ipamLog = subsystemLog(log, "ipam");
  const open = (ranges: readonly string[], more: Partial<IpamOptions> = {}): Ipam =>
    new Ipam({
      clock,
      ledger,
      pools: new Map([[DEFAULT_POOL, ranges], ...named]),
      cooldown: COOLDOWN,
      warn: (message, error) => ipamLog.warn({ ...(error !== undefined && { err: error }) }, message),
      ...more,
    });
  if (config.ipam === "host") return { ipam: open(podCidr), blocks: null, nodeObject: null };
  if (config.ipam === "kubernetes") {
    const nodeObject = new NodeObjectRanges(config.nodeName, state("pod-cidrs.json"));
    const awaited = `podCIDRs in the Node object ${config.nodeName}`;
    return { ipam: open(nodeObject.atStart(objects), { awaited }), blocks: null, nodeObject };
  }
  refuseOverlap(
    config.clusterPoolCidr,
    named.flatMap(([, cidrs]) => cidrs),
  );
  const blocks = await ClusterBlocks.open({
    store,
    node: config.nodeName,
    clock,
    path: state("blocks.json"),
    cidrs: config.clusterPoolCidr,
    masks: config.clusterPoolMask,
    reclaimAfter: config.clusterPoolReclaim,
  });
  const ipam = open(blocks.blocks, {
    more: (family) => blocks.claim(family),
    families: blocks.families,
    awaited: "a block of the cluster's ranges",
  });
  return { ipam, blocks, nodeObject: null };
}

/** Whatever block comes must not have addresses of a pool of this node's own. */
function refuseOverlap(cluster: readonly string[], pools: readonly string[]): void {
  for (const [text, other] of cluster.flatMap((one) => pools.map((pool) => [one, pool] as const))) {
    const [a, b] = [parseCidr(text), parseCidr(other)];
    if (!a || !b || !(cidrContains(a, b) || cidrContains(b, a))) continue;
    throw new IpamError("bad-range", {
      asked: `use ${other} for a --pool`,
      obstacle: `it overlaps --cluster-pool-cidr ${text}`,
    });
  }
}
