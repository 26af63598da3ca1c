import type { Clock } from "#agent/runtime/clock.ts";
import type { Log } from "#agent/runtime/log.ts";
import { reasonOf } from "#agent/runtime/errors.ts";
import type { ClusterBlocks } from "./cluster-blocks.ts";
import { IpamError } from "./errors.ts";
import type { Ipam } from "./ipam.ts";
import type { Family } from "./lease.ts";

export interface BlockUpkeepOptions {
  readonly blocks: ClusterBlocks;
  readonly ipam: Ipam;
  readonly clock: Clock;
  readonly log: Log;
  /** Runs a change of the ipam in its turn. */
  readonly inTurn: <T>(change: () => T) => Promise<T>;
  /** How often, in ns, it is looked for nodes that are gone. */
  readonly reclaimInterval: bigint;
}

/** How long, in ns, a block has to be without pods before it is given back. */
const SPARE_AFTER = 300_000_000_000n;

/** Keeps a node in blocks: takes one before it is needed, and gives back what is not any more. */
export class BlockUpkeep {
  readonly #options: BlockUpkeepOptions;
  #spare = new Map<string, bigint>();
  #reclaimed: bigint;

  constructor(options: BlockUpkeepOptions) {
    this.#options = options;
    this.#reclaimed = options.clock.bootNanoseconds();
  }

  /** To be called now and then. @throws IpamError, StoreError: to be tried again. */
  async run(): Promise<void> {
    const { blocks, ipam, inTurn } = this.#options;
    if (!blocks.isSynced) await blocks.sync();
    for (const cidr of blocks.lost) await inTurn(() => ipam.closeRange(cidr));
    for (const family of blocks.families.filter((one) => ipam.isLow(one))) await this.#take(family);
    await this.#giveBack();
    await this.#reclaim();
  }

  async #take(family: Family): Promise<void> {
    const { blocks, ipam, inTurn, log } = this.#options;
    try {
      const cidr = await blocks.claim(family);
      await inTurn(() => ipam.addRange(cidr));
      log.info({ block: cidr }, "a block of addresses was taken, as few were left");
    } catch (error) {
      // No harm yet: it is told when the pool is nearly full.
      await inTurn(() => (ipam.growthProblem = reasonOf(error)));
      if (!(error instanceof IpamError) || error.code !== "pool-exhausted") throw error;
    }
  }

  async #giveBack(): Promise<void> {
    const { blocks, ipam, inTurn, clock, log } = this.#options;
    const now = clock.bootNanoseconds();
    const spare = ipam.spare();
    this.#spare = new Map(spare.map((cidr) => [cidr, this.#spare.get(cidr) ?? now]));
    for (const [cidr, since] of this.#spare) {
      if (now - since < SPARE_AFTER) continue;
      await inTurn(() => {
        if (ipam.dropSpare(cidr)) blocks.retire(cidr);
      });
    }
    for (const cidr of blocks.idle) {
      await blocks.giveBack(cidr);
      log.info({ block: cidr }, "a block of addresses was given back");
    }
  }

  async #reclaim(): Promise<void> {
    const { blocks, clock, reclaimInterval, log } = this.#options;
    const now = clock.bootNanoseconds();
    if (now - this.#reclaimed < reclaimInterval) return;
    this.#reclaimed = now;
    const taken = await blocks.reclaim();
    if (taken.length > 0) log.warn({ blocks: taken }, "blocks were taken from nodes that are gone");
  }
}
