import type { Clock } from "#agent/runtime/clock.ts";
import { reasonOf } from "#agent/runtime/errors.ts";
import { formatAddress, parseAddress } from "#policy/model/cidr.ts";
import type { AddressLedger, LedgerEntry } from "./address-ledger.ts";
import { AddressRange, type Taken } from "./address-range.ts";
import { IpamError } from "./errors.ts";
import {
  addressesOf,
  type AddressPair,
  DEFAULT_POOL,
  type Family,
  familyOf,
  type Lease,
  type LeaseRequest,
  type RangeFill,
} from "./lease.ts";
import { RangePool } from "./range-pool.ts";

export interface IpamOptions {
  readonly clock: Clock;
  readonly ledger: AddressLedger;
  /** Ranges by pool; the default pool may have none yet. */
  readonly pools: ReadonlyMap<string, readonly string[]>;
  /** Fetches a further range for the default pool; absent: it has what it has. */
  readonly more?: ((family: Family) => Promise<string>) | undefined;
  /** Those that the default pool has to have before it gives addresses; absent: those that it has. */
  readonly families?: readonly Family[];
  /** What a default pool without ranges waits for: `the podCIDRs of Node n1`. */
  readonly awaited?: string;
  /** How long a released address rests, in milliseconds. */
  readonly cooldown: number;
  /** Told once when a pool becomes nearly full, and what went wrong without harm. */
  readonly warn: (message: string, error?: unknown) => void;
}

/**
 * The addresses of a node's pods. A pod gets one of each family that its pool has, or none at all.
 *
 * Callers run its methods one at a time. Who has which address is not written down here:
 * endpoint records and leases are, and each of them is told to {@link restore} at start.
 */
export class Ipam {
  readonly #options: IpamOptions;
  readonly #pools = new Map<string, RangePool>();
  /** Addresses of no range: who has them, by what records say. */
  readonly #strangers = new Map<string, string>();
  readonly #listeners = new Set<() => void>();
  /** What has been told of pools that are nearly full. */
  readonly #told = new Set<string>();
  #gateway: AddressPair = { ipv4: null, ipv6: null };
  /** Why the default pool could not get a further range when it last tried to. */
  growthProblem: string | null = null;

  /** @throws IpamError `bad-range`. */
  constructor(options: IpamOptions) {
    this.#options = options;
    for (const [name, cidrs] of options.pools) {
      const pool = new RangePool(name, []);
      this.#pools.set(name, pool);
      for (const range of this.#newRanges(cidrs)) this.#add(pool, range);
    }
  }

  /**
   * The addresses that pods know the node by: those of the first range of each family in
   * the default pool. What is there once does not change any more.
   */
  get gateway(): AddressPair {
    return this.#gateway;
  }

  /** Every range of this node that pods may have addresses of, in canonical text. */
  get cidrs(): readonly string[] {
    return this.#ranges().map(({ cidr }) => cidr);
  }

  /** Ranges of the default pool. */
  get ranges(): readonly string[] {
    return this.#default().ranges.map(({ cidr }) => cidr);
  }

  get fill(): RangeFill[] {
    return [...this.#pools.values()].flatMap((pool) => pool.fill);
  }

  /** By pool: whether it gets a further range when it is full. */
  get growth(): ReadonlyMap<string, boolean> {
    return new Map([...this.#pools.values()].map((pool) => [pool.name, this.#canGrow(pool)]));
  }

  /** Called when {@link cidrs} have changed, before anybody has an address of a new range. */
  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Whether the default pool has all that it is to have before it gives addresses. */
  get isReady(): boolean {
    const { ranges, families } = this.#default();
    return ranges.length > 0 && (this.#options.families ?? []).every((family) => families.includes(family));
  }

  /** Pools that are nearly full, each in a sentence. */
  warnings(): string[] {
    return [...this.#nearlyFull().values()];
  }

  /** Why a pod would get no address of a pool now, in sentences. @param name absent: of the default pool. */
  obstacles(name: string = DEFAULT_POOL): string[] {
    const pool = this.#pools.get(name);
    if (!pool) return [this.#unknownPool(name, "allocate an address").message];
    if (name === DEFAULT_POOL && !this.isReady) return [this.#noRange("allocate an address").message];
    return this.#canGrow(pool) ? [] : pool.exhausted.map((family) => this.#exhaustion(pool, family).message);
  }

  /**
   * Gives addresses: all that were asked for or nothing.
   *
   * @throws IpamError; JournalError or the system's error when it cannot be written down.
   */
  async allocate(request: LeaseRequest): Promise<Lease> {
    const { owner, stickyKey: key = null } = request;
    const asked = askedByFamily(request);
    const pool = this.#poolOf(request, [...asked.values()]);
    const pair: { ipv4: string | null; ipv6: string | null } = { ipv4: null, ipv6: null };
    const taken: Taken[] = [];
    try {
      for (const family of pool.families) {
        if (this.#gateway[family] === null) throw noGateway(pool, family, owner);
        const one =
          this.#takeWanted(pool, family, request, asked.get(family)) ?? (await this.#takeAny(pool, family, owner));
        taken.push(one);
        pair[family] = one.address;
      }
      const forgotten = this.#options.ledger.give(addressesOf(pair), owner, key);
      for (const address of forgotten) this.#find(address)?.forget(address);
    } catch (error) {
      for (const { undo } of taken) undo();
      throw error;
    }
    this.#tellFill();
    return { ...pair, pool: pool.name };
  }

  /**
   * Says at start that somebody has addresses. Those of a range that the node does not have
   * are nobody's to give, and are still his when the node gets the range.
   *
   * @throws IpamError `address-in-use`, and then nothing is taken.
   */
  restore(lease: AddressPair, owner: string): void {
    const done: Taken[] = [];
    try {
      for (const address of addressesOf(lease)) {
        const range = this.#find(address);
        if (range?.isForPods(address)) done.push(range.reserve(address, owner));
        else this.#strangers.set(address, owner);
      }
    } catch (error) {
      for (const { undo } of done) undo();
      throw error;
    }
    // Without it, the addresses rest once more than they need to when they have been released.
    this.#tryToNote(`that ${owner} has its addresses`, (ledger) => ledger.restore(addressesOf(lease), owner));
  }

  /**
   * Says that another plugin gave somebody addresses: they are nobody else's then. Those of our ranges may be in
   * their cool-down.
   *
   * @returns those to {@link release} in the end: without what the owner has by {@link allocate}.
   * @throws IpamError `address-in-use`, and then nothing is taken.
   */
  reserve({ ipv4, ipv6 }: AddressPair, owner: string): AddressPair {
    const unlessHad = (address: string | null): string | null =>
      address === null || this.#ownerOf(address) === owner ? null : address;
    const pair = { ipv4: unlessHad(ipv4), ipv6: unlessHad(ipv6) };
    const isOurs = (address: string | null): boolean =>
      address !== null && this.#find(address)?.isForPods(address) === true;
    this.restore({ ipv4: isOurs(pair.ipv4) ? pair.ipv4 : null, ipv6: isOurs(pair.ipv6) ? pair.ipv6 : null }, owner);
    // Of no range of ours: one that has them may come later. That is not worth a line in the ledger.
    for (const address of addressesOf(pair)) if (!isOurs(address)) this.#strangers.set(address, owner);
    return pair;
  }

  /** Begins the addresses' cool-down. Idempotent. */
  release(lease: AddressPair): void {
    const { ledger } = this.#options;
    for (const address of addressesOf(lease)) {
      this.#strangers.delete(address);
      const until = this.#find(address)?.release(address, ledger.keyOf(address) !== null) ?? null;
      if (until === null) continue;
      // A start without it takes the address for one that was in use until then.
      this.#tryToNote(`the release of ${address}`, () => ledger.release(address, until));
    }
    this.#tellFill();
  }

  /**
   * Would {@link setRanges} take these? Changes nothing.
   *
   * @throws IpamError `bad-range`, `range-in-use`.
   */
  checkRanges(cidrs: readonly string[]): void {
    this.#planRanges(cidrs);
  }

  /**
   * Gives the default pool these ranges. One that pods have addresses of cannot go, nor can the gateways'.
   *
   * @throws IpamError `bad-range`, `range-in-use`, and then nothing is changed.
   */
  setRanges(cidrs: readonly string[]): void {
    const { added, removed } = this.#planRanges(cidrs);
    const pool = this.#default();
    for (const range of removed) pool.remove(range);
    for (const range of added) this.#add(pool, range);
    if (added.length + removed.length > 0) this.#changed();
  }

  /** Gives the default pool one more range. Idempotent. @throws IpamError `bad-range`. */
  addRange(cidr: string): void {
    this.setRanges([...this.ranges, cidr]);
  }

  /** Whether the default pool has less left of a family than an eighth of a range. */
  isLow(family: Family): boolean {
    const pool = this.#default();
    return pool.free(family) * 8n <= (pool.of(family)[0]?.capacity ?? 0n);
  }

  /** Ranges of the default pool, one of each family, that it does not need now: there is half of one left without it. */
  spare(): string[] {
    const pool = this.#default();
    return pool.families.flatMap((family) => {
      const [, ...others] = pool.of(family);
      const last = others.findLast((range) => range.isUntouched);
      return last && (last.isClosed || (pool.free(family) - last.capacity) * 2n >= last.capacity) ? [last.cidr] : [];
    });
  }

  /** Takes a range out of the default pool that it does not need. False: it does by now. */
  dropSpare(cidr: string): boolean {
    if (!this.spare().includes(cidr)) return false;
    this.setRanges(this.ranges.filter((other) => other !== cidr));
    return true;
  }

  /** Gives no more addresses of a range: another node does. */
  closeRange(cidr: string): void {
    for (const range of this.#default().ranges) if (range.cidr === cidr) range.isClosed = true;
  }

  #tryToNote(what: string, write: (ledger: AddressLedger) => void): void {
    try {
      write(this.#options.ledger);
    } catch (error) {
      this.#options.warn(`it cannot be written down: ${what}`, error);
    }
  }

  #default(): RangePool {
    return this.#pools.get(DEFAULT_POOL) ?? new RangePool(DEFAULT_POOL, []);
  }

  #ranges(): AddressRange[] {
    return [...this.#pools.values()].flatMap((pool) => pool.ranges);
  }

  #find(address: string): AddressRange | undefined {
    return this.#ranges().find((range) => range.contains(address));
  }

  #ownerOf(address: string): string | undefined {
    return this.#strangers.get(address) ?? this.#find(address)?.ownerOf(address);
  }

  #unknownPool(name: string, asked: string): IpamError {
    const known = [...this.#pools.keys()].join(", ");
    return new IpamError("unknown-pool", { asked, obstacle: `this node has no pool ${name}; it has ${known}` });
  }

  /** Which pool a request is for. */
  #poolOf({ owner, pool: name }: LeaseRequest, asked: readonly string[]): RangePool {
    const pools = [...this.#pools.values()];
    const holding = asked.map((address) => {
      const found = pools.find((pool) => pool.find(address));
      if (found && (name === undefined || found.name === name)) return found;
      const where = name === undefined ? "any pool of this node" : `pool ${name}`;
      const obstacle = `it is not in ${where}: ${this.#describe(name)}`;
      throw new IpamError("address-outside", { asked: `give ${address} to ${owner}`, obstacle });
    });
    if (new Set(holding).size > 1) {
      const obstacle = `${asked.join(" and ")} are of different pools`;
      throw new IpamError("bad-request", { asked: `give addresses to ${owner}`, obstacle, remedy: "name one pool's" });
    }
    const pool = holding[0] ?? this.#pools.get(name ?? DEFAULT_POOL);
    if (!pool) throw this.#unknownPool(name ?? DEFAULT_POOL, `give addresses to ${owner}`);
    if (pool.name === DEFAULT_POOL && !this.isReady) throw this.#noRange(`give addresses to ${owner}`);
    return pool;
  }

  #describe(name: string | undefined): string {
    const pools = [...this.#pools.values()].filter((pool) => name === undefined || pool.name === name);
    const cidrs = pools.flatMap((pool) => pool.ranges.map(({ cidr }) => cidr));
    return cidrs.join(", ") || "it has no range";
  }

  /** An address that was asked for, or that is kept for whoever asks; null: any is as good. */
  #takeWanted(pool: RangePool, family: Family, { owner, stickyKey }: LeaseRequest, asked?: string): Taken | null {
    if (asked !== undefined) return pool.find(asked)?.take(asked, owner) ?? null;
    if (stickyKey === undefined) return null;
    for (const address of this.#options.ledger.addressesOf(stickyKey)) {
      const range = familyOf(address) === family ? pool.find(address) : undefined;
      // It may still be in use: a new container of the pod can come before the old one is gone.
      if (range?.isFree(address)) return range.take(address, owner, true);
    }
    return null;
  }

  async #takeAny(pool: RangePool, family: Family, owner: string): Promise<Taken> {
    const free = pool.takeFree(family, owner);
    if (free) return free;
    if (this.#options.more && pool.name === DEFAULT_POOL) await this.#grow(family, this.#options.more);
    const found = pool.takeFree(family, owner) ?? pool.takeKept(family, owner);
    if (found) return found;
    throw this.#exhaustion(pool, family);
  }

  async #grow(family: Family, more: (family: Family) => Promise<string>): Promise<void> {
    try {
      this.addRange(await more(family));
    } catch (error) {
      this.growthProblem = reasonOf(error);
    }
  }

  #canGrow(pool: RangePool): boolean {
    return this.#options.more !== undefined && pool.name === DEFAULT_POOL && this.growthProblem === null;
  }

  #exhaustion(pool: RangePool, family: Family): IpamError {
    const cause = pool.name === DEFAULT_POOL ? this.growthProblem : null;
    return pool.exhaustion(family, this.#options.clock.bootNanoseconds(), cause);
  }

  #noRange(asked: string): IpamError {
    const { awaited = "a range" } = this.#options;
    const obstacle = `this node has no addresses for pods yet: it waits for ${awaited}`;
    const cause = this.growthProblem === null ? "" : `: ${this.growthProblem}`;
    return new IpamError("no-range", { asked, obstacle: obstacle + cause });
  }

  #planRanges(cidrs: readonly string[]): { added: AddressRange[]; removed: AddressRange[] } {
    const pool = this.#default();
    const wanted = this.#newRanges(cidrs, pool);
    const names = new Set(wanted.map(({ cidr }) => cidr));
    const removed = pool.ranges.filter(({ cidr }) => !names.has(cidr));
    for (const { cidr, owners } of removed) {
      const [owner, ...others] = owners;
      if (owner === undefined) continue;
      const obstacle = `${owner}${others.length === 0 ? " has" : ` and ${others.length} more have`} an address of it`;
      throw new IpamError("range-in-use", {
        asked: `remove the range ${cidr}`,
        obstacle,
        remedy: "delete these pods first",
      });
    }
    for (const family of pool.families) {
      const [[present], first] = [pool.of(family), wanted.find(({ cidr }) => familyOf(cidr) === family)];
      if (first?.cidr === present?.cidr || present === undefined) continue;
      const asked = `put ${first?.cidr ?? "nothing"} in the first place of ${present.cidr}`;
      const obstacle = `pods know this node by the address ${present.gateway} of that range`;
      throw new IpamError("range-in-use", { asked, obstacle, remedy: "add ranges behind it" });
    }
    const known = new Set(pool.ranges.map(({ cidr }) => cidr));
    return { added: wanted.filter(({ cidr }) => !known.has(cidr)), removed };
  }

  /** @param pool whose ranges these are to be, in place of what it has. */
  #newRanges(cidrs: readonly string[], pool?: RangePool): AddressRange[] {
    const { clock, cooldown } = this.#options;
    const others = [...this.#pools.values()].filter((other) => other !== pool).flatMap(({ ranges }) => ranges);
    const ranges: AddressRange[] = [];
    for (const cidr of cidrs) {
      const range = new AddressRange(cidr, { clock, cooldown });
      if (ranges.some((other) => other.cidr === range.cidr)) continue;
      const overlapping = [...others, ...ranges].find((other) => other.overlaps(range));
      if (overlapping) {
        const obstacle = `it overlaps ${overlapping.cidr}, which this node's pods have already`;
        throw new IpamError("bad-range", { asked: `use the range ${cidr}`, obstacle });
      }
      ranges.push(range);
    }
    return ranges;
  }

  /** Brings a range, with what is known of its addresses, into a pool. */
  #add(pool: RangePool, range: AddressRange): void {
    const released = this.#options.ledger
      .entries()
      .filter((entry): entry is [string, LedgerEntry & { until: bigint }] => {
        return entry[1].until !== null && range.contains(entry[0]);
      })
      .toSorted(([, a], [, b]) => Number(a.until - b.until));
    for (const [address, { owner, until, key }] of released) range.recall(address, { owner, until }, key !== null);
    for (const [address, owner] of this.#strangers) {
      if (!range.isForPods(address)) continue;
      range.reserve(address, owner);
      this.#strangers.delete(address);
    }
    pool.add(range);
    if (pool.name !== DEFAULT_POOL) return;
    this.growthProblem = null;
    const family = familyOf(range.cidr);
    this.#gateway = { ...this.#gateway, [family]: this.#gateway[family] ?? range.gateway };
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  /** By pool and family. */
  #nearlyFull(): Map<string, string> {
    const found = new Map<string, string>();
    for (const pool of this.#pools.values()) {
      if (this.#canGrow(pool)) continue;
      for (const [family, sentence] of pool.nearlyFull) found.set(`${pool.name} ${family}`, sentence);
    }
    return found;
  }

  #tellFill(): void {
    const nearlyFull = this.#nearlyFull();
    for (const key of this.#told) if (!nearlyFull.has(key)) this.#told.delete(key);
    for (const [key, sentence] of nearlyFull) {
      if (this.#told.has(key)) continue;
      this.#told.add(key);
      this.#options.warn(sentence);
    }
  }
}

/** @throws IpamError `bad-request`. */
function askedByFamily({ owner, addresses = [] }: LeaseRequest): Map<Family, string> {
  const found = new Map<Family, string>();
  for (const text of addresses) {
    const parsed = parseAddress(text.split("/")[0] ?? "");
    const asked = `give ${text} to ${owner}`;
    if (parsed === null) throw new IpamError("bad-request", { asked, obstacle: "it is no address" });
    const address = formatAddress(parsed);
    const family = familyOf(address);
    const other = found.get(family);
    if (other !== undefined && other !== address) {
      const obstacle = `${other} is asked for as well, and a pod has one address of each family`;
      throw new IpamError("bad-request", { asked, obstacle });
    }
    found.set(family, address);
  }
  return found;
}

function noGateway({ name }: RangePool, family: Family, owner: string): IpamError {
  const what = family === "ipv4" ? "IPv4" : "IPv6";
  const obstacle = `pool ${name} has ${what} addresses, and the default pool has none, so that this node has no gateway`;
  const remedy = `give the default pool a range of ${what}`;
  return new IpamError("no-range", { asked: `give addresses to ${owner}`, obstacle, remedy });
}
