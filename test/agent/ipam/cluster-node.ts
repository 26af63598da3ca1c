import { AddressLedger } from "#agent/ipam/address-ledger.ts";
import { BlockUpkeep } from "#agent/ipam/block-upkeep.ts";
import { ClusterBlocks, type ClusterBlocksOptions } from "#agent/ipam/cluster-blocks.ts";
import { Ipam } from "#agent/ipam/ipam.ts";
import type { Lease } from "#agent/ipam/lease.ts";
import type { Clock } from "#agent/runtime/clock.ts";
import { SerialExecutor } from "#agent/runtime/serial-executor.ts";
import type { Store } from "#agent/store/store.ts";
import { silentLog } from "#test/support/silent-log.ts";

export interface ClusterNodeOptions extends Pick<ClusterBlocksOptions, "node" | "cidrs" | "masks"> {
  readonly store: Store;
  readonly clock: Clock;
  readonly cooldown: number;
  /** The state folder. */
  readonly folder: string;
  readonly reclaimAfter?: bigint;
  /** What endpoint records say of an earlier life: owners with their addresses. */
  readonly records?: Iterable<readonly [string, Lease]>;
}

/** The part of an agent that gives addresses with `--ipam cluster-pool`, for one life of it. */
export class ClusterNode implements Disposable {
  readonly blocks: ClusterBlocks;
  readonly ipam: Ipam;
  readonly upkeep: BlockUpkeep;
  readonly changes = new SerialExecutor();
  readonly #ledger: AddressLedger;
  readonly #stop = new AbortController();

  private constructor({ node, clock, cooldown, folder, records = [] }: ClusterNodeOptions, blocks: ClusterBlocks) {
    this.blocks = blocks;
    this.#ledger = new AddressLedger({ path: `${folder}/${node}.journal`, clock, cooldown });
    this.ipam = new Ipam({
      clock,
      cooldown,
      ledger: this.#ledger,
      pools: new Map([["default", blocks.blocks]]),
      more: (family) => blocks.claim(family),
      families: blocks.families,
      awaited: "a block of the cluster's ranges",
      warn: () => {},
    });
    for (const [owner, lease] of records) this.ipam.restore(lease, owner);
    const inTurn = <T>(change: () => T): Promise<T> => this.changes.run(change);
    this.upkeep = new BlockUpkeep({ blocks, ipam: this.ipam, clock, log: silentLog(), inTurn, reclaimInterval: 0n });
  }

  static async open(options: ClusterNodeOptions): Promise<ClusterNode> {
    const path = `${options.folder}/${options.node}.blocks.json`;
    const blocks = await ClusterBlocks.open({
      ...options,
      path,
      reclaimAfter: options.reclaimAfter ?? 3_600_000_000_000n,
    });
    return new ClusterNode(options, blocks);
  }

  allocate(owner: string): Promise<Lease> {
    return this.changes.run(() => this.ipam.allocate({ owner }));
  }

  release(lease: Lease): Promise<void> {
    return this.changes.run(() => this.ipam.release(lease));
  }

  /** Sees to it that the store says whose the node's blocks are. */
  follow(): Promise<void> {
    return this.blocks.follow(this.#stop.signal);
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#ledger[Symbol.dispose]();
  }
}
