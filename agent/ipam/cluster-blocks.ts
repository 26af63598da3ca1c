import { createHash } from "node:crypto";
import type { Clock } from "#agent/runtime/clock.ts";
import { readList, writeList } from "#agent/runtime/kept-list.ts";
import { SerialExecutor } from "#agent/runtime/serial-executor.ts";
import { StoreError } from "#agent/store/errors.ts";
import type { Change, Entry, Store } from "#agent/store/store.ts";
import { type Cidr, formatCidr, parseCidr } from "#policy/model/cidr.ts";
import { blockAt, blockCount, blockKeys, type BlockRecord, parseBlockRecord } from "./block-keys.ts";
import { IpamError } from "./errors.ts";
import { FAMILIES, type Family, familyOf } from "./lease.ts";

export interface ClusterBlocksOptions {
  readonly store: Store;
  /** This node's name. */
  readonly node: string;
  readonly clock: Clock;
  /** Where the node's blocks are noted, for a start while the store does not answer. */
  readonly path: string;
  /** What the cluster's blocks are cut from. */
  readonly cidrs: readonly string[];
  /** Bits of a block's prefix. */
  readonly masks: Readonly<Record<Family, number>>;
  /** How long, in ns, a node has to be gone before its blocks are taken from it. */
  readonly reclaimAfter: bigint;
}

interface Own {
  readonly n: number;
  /** Of the key in the store as it was written last; null: not known. */
  readonly revision: string | null;
}

interface Gone {
  readonly revision: string;
  /** Boot-time nanoseconds. */
  readonly since: bigint;
}

/**
 * The blocks of addresses that this node has of the cluster's ranges. A block is a key in
 * the store that its node has made: compare-and-swap gives it to one node only.
 *
 * The keys are permanent: pods go on while their node's agent is away. They are taken from
 * a node that has been gone for long enough, as another one has watched it.
 */
export class ClusterBlocks {
  readonly #options: ClusterBlocksOptions;
  readonly #ranges: readonly Cidr[];
  readonly #serial = new SerialExecutor();
  readonly #own = new Map<string, Own>();
  /** Those of {@link #own} that pods have addresses of, or may have. */
  readonly #handed = new Set<string>();
  /** Blocks that pods here have addresses of, and whose they are now. */
  readonly #lost = new Map<string, string>();
  /** By key: the revision of a block whose node was found gone, and when first. */
  #gone = new Map<string, Gone>();
  /** Under way. */
  readonly #claiming = new Map<Family, Promise<string>>();
  #isSynced = false;

  private constructor(options: ClusterBlocksOptions) {
    this.#options = options;
    this.#ranges = options.cidrs.map(parseCidr).filter((cidr) => cidr !== null);
    for (const range of this.#ranges) {
      const bits = options.masks[range.family === 4 ? "ipv4" : "ipv6"];
      if (bits >= range.bits) continue;
      const asked = `cut blocks of /${bits} from ${formatCidr(range)}`;
      throw new IpamError("bad-mask", { asked, obstacle: "it is smaller", remedy: "raise --cluster-pool-mask" });
    }
  }

  /**
   * Finds this node's blocks, and takes the first one of each family. Where the store does
   * not answer, it goes on with those that were noted.
   *
   * @throws IpamError `bad-mask`; StoreError when it does not answer and what was noted cannot be read.
   */
  static async open(options: ClusterBlocksOptions): Promise<ClusterBlocks> {
    const blocks = new ClusterBlocks(options);
    try {
      await blocks.sync();
      for (const cidr of blocks.idle) blocks.#hand(cidr);
      for (const family of blocks.families) if (!blocks.#has(family)) await blocks.claim(family);
    } catch (error) {
      const isLater = error instanceof StoreError || (error instanceof IpamError && error.code === "pool-exhausted");
      if (!isLater || (!blocks.#isSynced && !blocks.#recall())) throw error;
    }
    return blocks;
  }

  /** Of the cluster's ranges. */
  get families(): Family[] {
    return FAMILIES.filter((family) => this.#rangesOf(family).length > 0);
  }

  /** The node's blocks that addresses are given from, the first one taken first. */
  get blocks(): string[] {
    return this.#inOrder([...this.#handed]);
  }

  /** Blocks that are this node's, and that no pod has an address of, the first one taken first: they are to be given back. */
  get idle(): string[] {
    return this.#inOrder([...this.#own.keys()].filter((cidr) => !this.#handed.has(cidr)));
  }

  /** Blocks that pods here have addresses of, and that another node has now. */
  get lost(): string[] {
    return [...this.#lost.keys()];
  }

  /** What is wrong, in sentences. */
  problems(): string[] {
    return [...this.#lost].map(
      ([cidr, node]) =>
        `block ${cidr}, which pods of this node have addresses of, was given to node ${node} while this one was gone; replace these pods`,
    );
  }

  /** Whether the store knows of this node's blocks what is said here. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /**
   * Finds out whose blocks are whose. What is written anew here, no write of an earlier life
   * that is still on its way can take.
   *
   * @throws IpamError `bad-mask`; StoreError.
   */
  sync(): Promise<void> {
    return this.#serial.run(async () => {
      const { store, node } = this.#options;
      for (const family of this.families) await this.#agree(family);
      // Before the list: from here on nobody takes this node for gone.
      await store.put(blockKeys.node(node), "", { lifetime: "node" });
      const mine = (await store.list(blockKeys.blocks)).flatMap((entry) => {
        const record = parseBlockRecord(entry.value);
        return record?.node === node ? [{ entry, record }] : [];
      });
      for (const { entry, record } of mine) await this.#renew(record, entry.revision);
      const found = new Set(mine.map(({ record }) => record.cidr));
      for (const cidr of this.#handed) if (!found.has(cidr)) await this.#reassert(cidr);
      this.#isSynced = true;
    });
  }

  /**
   * One more block for this node's pods; the same one for all who ask before it is there.
   *
   * @throws IpamError `pool-exhausted`, `bad-mask`; StoreError.
   */
  claim(family: Family): Promise<string> {
    const claiming = this.#claiming.get(family) ?? this.#claim(family).finally(() => this.#claiming.delete(family));
    this.#claiming.set(family, claiming);
    return claiming;
  }

  async #claim(family: Family): Promise<string> {
    if (!this.#isSynced) await this.sync();
    return this.#serial.run(async () => {
      const idle = this.idle.find((cidr) => familyOf(cidr) === family);
      if (idle !== undefined && (await this.#renewOwn(idle))) return this.#hand(idle);
      const entries = await this.#options.store.list(blockKeys.blocks);
      const left = entries.find((entry) => this.#isForgotten(entry, family));
      const record = left ? parseBlockRecord(left.value) : null;
      // An earlier write of which nobody knows whether it happened.
      if (left && record && (await this.#renew(record, left.revision))) return this.#hand(record.cidr);
      return this.#take(family, new Set(entries.map(({ key }) => key)));
    });
  }

  /** Says that no pod has an address of a block, and none will: it is idle then. */
  retire(cidr: string): void {
    if (!this.#handed.delete(cidr)) return;
    this.#lost.delete(cidr);
    this.#note();
  }

  /** Makes an idle block anybody's. @throws StoreError: to be tried again. */
  async giveBack(cidr: string): Promise<void> {
    await this.#serial.run(async () => {
      const own = this.#own.get(cidr);
      if (!own || this.#handed.has(cidr)) return;
      const { store, node } = this.#options;
      const entry = await store.get(blockKeys.block(cidr));
      if (entry && parseBlockRecord(entry.value)?.node === node) {
        await store.delete(entry.key, { revision: entry.revision });
      }
      this.#own.delete(cidr);
    });
  }

  /**
   * Sees to it until the signal that the store says whose this node's blocks are: it may have
   * lost its data, or others may have taken this node for gone. @throws StoreError: to be called again.
   */
  async follow(signal: AbortSignal): Promise<void> {
    for await (const event of this.#options.store.watch(blockKeys.blocks, signal)) {
      await this.#serial.run(async () => {
        const entries = event.type === "snapshot" ? event.entries : event.changes.map(entryOf);
        const holders = new Map(entries.map(({ key, value }) => [key, parseBlockRecord(value)?.node ?? null]));
        for (const cidr of this.#handed) {
          const key = blockKeys.block(cidr);
          const isTold = event.type === "snapshot" || holders.has(key);
          if (isTold && holders.get(key) !== this.#options.node) await this.#reassert(cidr);
        }
      });
    }
  }

  /** Takes blocks from nodes that have been gone for long. To be called now and then. @throws StoreError. */
  reclaim(): Promise<string[]> {
    return this.#serial.run(async () => {
      const { store, node, clock, reclaimAfter } = this.#options;
      const now = clock.bootNanoseconds();
      const [blocks, nodes] = [await store.list(blockKeys.blocks), await store.list(blockKeys.nodes)];
      const present = new Set(nodes.map(({ key }) => key));
      const gone = new Map<string, Gone>();
      const taken: string[] = [];
      for (const { key, value, revision } of blocks) {
        const record = parseBlockRecord(value);
        if (record === null || record.node === node || present.has(blockKeys.node(record.node))) continue;
        const before = this.#gone.get(key);
        // A node that was here in between has written its keys anew.
        const since = before?.revision === revision ? before.since : now;
        if (now - since < reclaimAfter) gone.set(key, { revision, since });
        else if (await store.delete(key, { revision })) taken.push(`${record.cidr} of node ${record.node}`);
      }
      this.#gone = gone;
      return taken;
    });
  }

  #rangesOf(family: Family): Cidr[] {
    return this.#ranges.filter((range) => (range.family === 6) === (family === "ipv6"));
  }

  #has(family: Family): boolean {
    return [...this.#handed].some((cidr) => familyOf(cidr) === family);
  }

  /** Two sizes of blocks would give one address to two nodes. */
  async #agree(family: Family): Promise<void> {
    const { store, masks } = this.#options;
    const mask = String(masks[family]);
    const result = await store.put(blockKeys.mask(family), mask, { condition: { revision: null } });
    if (result.ok || result.current?.value === mask) return;
    const theirs = result.current?.value ?? "other";
    throw new IpamError("bad-mask", {
      asked: `use blocks of /${mask}`,
      obstacle: `the nodes of this cluster use blocks of /${theirs}`,
      remedy: `give every node the same --cluster-pool-mask; to change it, stop all agents and delete ${blockKeys.mask(family)} and ${blockKeys.blocks} in the store`,
    });
  }

  /** From a place of the node's own on, so that nodes do not all want the same one. */
  async #take(family: Family, taken: Set<string>): Promise<string> {
    const { node, masks } = this.#options;
    const start = createHash("sha256").update(node).digest().readBigUInt64BE();
    for (const range of this.#rangesOf(family)) {
      const count = blockCount(range, masks[family]);
      for (let tried = 0n; tried < count && tried <= BigInt(taken.size); tried++) {
        const cidr = formatCidr(blockAt(range, masks[family], (start + tried) % count));
        const key = blockKeys.block(cidr);
        if (!taken.has(key) && (await this.#make(cidr))) return this.#hand(cidr);
        taken.add(key);
      }
    }
    const cidrs = this.#rangesOf(family).map(formatCidr).join(", ");
    const obstacle = `all blocks of the cluster's ${cidrs} are taken`;
    const remedy = "add a range to --cluster-pool-cidr of the nodes";
    throw new IpamError("pool-exhausted", { asked: `take a block for node ${node}`, obstacle, remedy });
  }

  async #make(cidr: string): Promise<boolean> {
    const { node, store } = this.#options;
    const n = 1 + Math.max(-1, ...[...this.#own.values()].map((own) => own.n));
    const record: BlockRecord = { cidr, node, n };
    const result = await store.put(blockKeys.block(cidr), JSON.stringify(record), { condition: { revision: null } });
    if (result.ok) this.#own.set(cidr, { n, revision: result.entry.revision });
    return result.ok;
  }

  /** Writes one of this node's keys anew. False when it is not this node's any more. */
  async #renew({ cidr, n, node }: BlockRecord, revision: string): Promise<boolean> {
    const value = JSON.stringify({ cidr, node, n } satisfies BlockRecord);
    const result = await this.#options.store.put(blockKeys.block(cidr), value, { condition: { revision } });
    if (result.ok) this.#own.set(cidr, { n, revision: result.entry.revision });
    else this.#own.delete(cidr);
    return result.ok;
  }

  async #renewOwn(cidr: string): Promise<boolean> {
    const { store, node } = this.#options;
    const entry = await store.get(blockKeys.block(cidr));
    const record = entry ? parseBlockRecord(entry.value) : null;
    if (entry && record?.node === node) return this.#renew(record, entry.revision);
    this.#own.delete(cidr);
    return false;
  }

  /** Whether the store says that this node has a block of which nothing is known here. */
  #isForgotten({ value }: Entry, family: Family): boolean {
    const record = parseBlockRecord(value);
    return record?.node === this.#options.node && familyOf(record.cidr) === family && !this.#own.has(record.cidr);
  }

  /** The store does not say that a block is this node's whose addresses pods have. */
  async #reassert(cidr: string): Promise<void> {
    const { store, node } = this.#options;
    const record: BlockRecord = { cidr, node, n: this.#own.get(cidr)?.n ?? 0 };
    const result = await store.put(blockKeys.block(cidr), JSON.stringify(record), { condition: { revision: null } });
    const whose = result.ok || !result.current ? null : parseBlockRecord(result.current.value);
    if (result.ok) this.#own.set(cidr, { n: record.n, revision: result.entry.revision });
    if (result.ok || whose?.node === node) this.#lost.delete(cidr);
    else this.#lost.set(cidr, whose?.node ?? "unknown");
  }

  #hand(cidr: string): string {
    this.#handed.add(cidr);
    this.#note();
    return cidr;
  }

  #note(): void {
    writeList(this.#options.path, this.blocks);
  }

  /** False: it cannot be read what was noted. */
  #recall(): boolean {
    const file = readList(this.#options.path, (text) => parseCidr(text) !== null);
    if (!file.ok && !file.missing) return false;
    for (const [n, cidr] of (file.ok ? file.value : []).entries()) {
      this.#own.set(cidr, { n, revision: null });
      this.#handed.add(cidr);
    }
    return true;
  }

  #inOrder(cidrs: readonly string[]): string[] {
    const n = (cidr: string): number => this.#own.get(cidr)?.n ?? 0;
    return cidrs.toSorted((a, b) => n(a) - n(b));
  }
}

/** A deleted key has no value. */
function entryOf(change: Change): Pick<Entry, "key" | "value"> {
  return change.type === "put" ? change.entry : { key: change.key, value: "" };
}
