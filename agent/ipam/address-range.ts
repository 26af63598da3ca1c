import type { Clock } from "#agent/runtime/clock.ts";
import {
  type Cidr,
  cidrContains,
  formatAddress,
  formatCidr,
  hostCidr,
  parseAddress,
  parseCidr,
} from "#policy/model/cidr.ts";
import { IpamError } from "./errors.ts";

export interface AddressRangeOptions {
  readonly clock: Clock;
  /** How long an address that was released is not handed out again, in milliseconds. */
  readonly cooldown: number;
}

/** An address that was released: by whom, and when it is anybody's, in boot-time nanoseconds. */
interface Released {
  readonly owner: string;
  readonly until: bigint;
}

/** An address that somebody has now. */
export interface Taken {
  readonly address: string;
  /** Makes it as if it had not been taken. */
  readonly undo: () => void;
}

/**
 * The addresses of one family that a node gives to its pods.
 *
 * The network's address, the first one (the pods' gateway) and, in IPv4, the broadcast
 * address are never given. Addresses are given in turn, so that the one released last
 * comes round last, and never within its cool-down: some node may still take it for the
 * pod that had it. Only what is taken is remembered, so that the size of the range does
 * not matter.
 *
 * An address may be kept for a pod that is expected back: somebody else gets it only when
 * nothing else is left, the one released longest ago first.
 */
export class AddressRange {
  readonly cidr: string;
  readonly gateway: string;
  readonly #range: Cidr;
  readonly #options: AddressRangeOptions;
  /** First and last address that a pod may have, counted from the network's. */
  readonly #first = 2n;
  readonly #last: bigint;
  readonly #owners = new Map<bigint, string>();
  /** In the order in which they were released. */
  readonly #cooling = new Map<bigint, Released>();
  /** In the order in which they were released, the cool-down over or not. */
  readonly #kept = new Map<bigint, Released>();
  #next: bigint;
  /** Nothing more is given of it: another node gives its addresses. */
  isClosed = false;

  /** @throws IpamError `bad-range`. */
  constructor(cidr: string, options: AddressRangeOptions) {
    const range = parseCidr(cidr);
    const width = range?.family === 6 ? 128 : 32;
    if (range === null || range.bits > width - 2) {
      const obstacle = range === null ? "it is no CIDR" : "it has no room for a gateway and a pod";
      throw new IpamError("bad-range", { asked: `use the range ${cidr}`, obstacle });
    }
    this.#range = range;
    this.#options = options;
    const size = 1n << BigInt(width - range.bits);
    this.#last = range.family === 4 ? size - 2n : size - 1n;
    this.#next = this.#first;
    this.cidr = formatCidr(range);
    this.gateway = this.#format(1n);
  }

  /** How many addresses pods can have at the same time. */
  get capacity(): bigint {
    return this.#last - this.#first + 1n;
  }

  get used(): number {
    return this.#owners.size;
  }

  /** Addresses that are in their cool-down, and are kept for nobody. */
  get cooling(): number {
    this.#endCooldowns();
    return this.#cooling.size;
  }

  /** Addresses that are kept, and that nobody has. */
  get kept(): number {
    return this.#kept.size;
  }

  /** Addresses that can be given, kept ones not counted. */
  get free(): bigint {
    if (this.isClosed) return 0n;
    return this.capacity - BigInt(this.used + this.cooling + this.kept);
  }

  /** Those who have addresses. */
  get owners(): string[] {
    return [...this.#owners.values()];
  }

  /** When the next address is anybody's that was released, in boot-time nanoseconds; null: none waits for that. */
  get nextFree(): bigint | null {
    this.#endCooldowns();
    const ends = [this.#cooling, this.#kept].flatMap((released) =>
      released
        .values()
        .take(1)
        .toArray()
        .map(({ until }) => until),
    );
    return ends.length === 0 ? null : ends.reduce((a, b) => (a < b ? a : b));
  }

  /** Whether the text is an address in this range, be it one for pods or not. */
  contains(address: string): boolean {
    const parsed = parseAddress(address);
    return parsed !== null && cidrContains(this.#range, hostCidr(parsed));
  }

  overlaps(other: AddressRange): boolean {
    return cidrContains(this.#range, other.#range) || cidrContains(other.#range, this.#range);
  }

  /** Whether a pod can have the address, be it somebody's now or not. */
  isForPods(address: string): boolean {
    const offset = this.#offset(address);
    return offset !== null && offset >= this.#first && offset <= this.#last;
  }

  /** Whether nobody has the address now; it may be in its cool-down. */
  isFree(address: string): boolean {
    const offset = this.#offset(address);
    return this.isForPods(address) && offset !== null && !this.#owners.has(offset);
  }

  /** Who has the address now; undefined: nobody. */
  ownerOf(address: string): string | undefined {
    const offset = this.#offset(address);
    return offset === null ? undefined : this.#owners.get(offset);
  }

  /** In which nobody has an address, had one lately, or may come back to one. */
  get isUntouched(): boolean {
    return this.used + this.cooling + this.kept === 0;
  }

  /** Any free address; null when there is none. */
  takeFree(owner: string): Taken | null {
    if (this.free <= 0n) return null;
    let offset = this.#next;
    while (this.#owners.has(offset) || this.#cooling.has(offset) || this.#kept.has(offset)) {
      offset = this.#after(offset);
    }
    this.#next = this.#after(offset);
    return this.#own(offset, owner);
  }

  /** The address kept longest for somebody who has not come back; null when there is none, or it is too recent. */
  takeKept(owner: string): Taken | null {
    const [oldest] = this.#kept;
    if (!oldest || this.isClosed || oldest[1].until > this.#now()) return null;
    return this.#own(oldest[0], owner);
  }

  /**
   * An address that is asked for.
   *
   * @param isTheirs it is kept for whoever asks.
   * @throws IpamError `address-outside`, `address-in-use`, `address-cooling`.
   */
  take(address: string, owner: string, isTheirs = false): Taken {
    const asked = `give ${address} to ${owner}`;
    const offset = this.#podOffset(address, asked);
    const other = this.#owners.get(offset);
    if (other !== undefined) throw new IpamError("address-in-use", { asked, obstacle: `${other} has it` });
    const before = this.#cooling.get(offset) ?? this.#kept.get(offset);
    const left = before ? before.until - this.#now() : 0n;
    if (before && left > 0n && before.owner !== owner && !isTheirs) {
      const remedy = `try again in ${seconds(left)} s`;
      throw new IpamError("address-cooling", { asked, obstacle: `${before.owner} had it until a moment ago`, remedy });
    }
    return this.#own(offset, owner);
  }

  /**
   * Says that an owner has an address already, as an endpoint's record tells at start.
   *
   * @throws IpamError `address-outside`, `address-in-use`.
   */
  reserve(address: string, owner: string): Taken {
    const asked = `reserve ${address} for ${owner}`;
    const offset = this.#podOffset(address, asked);
    const other = this.#owners.get(offset);
    if (other !== undefined) throw new IpamError("address-in-use", { asked, obstacle: `${other} has it` });
    if (offset >= this.#next) this.#next = this.#after(offset);
    return this.#own(offset, owner);
  }

  /**
   * Takes an address back, and begins its cool-down.
   *
   * @param isKept for the owner, who may come back.
   * @returns when the cool-down ends; null when nobody had the address.
   */
  release(address: string, isKept = false): bigint | null {
    const offset = this.#offset(address);
    const owner = offset === null ? undefined : this.#owners.get(offset);
    if (offset === null || owner === undefined) return null;
    this.#owners.delete(offset);
    const until = this.#now() + BigInt(this.#options.cooldown) * 1_000_000n;
    (isKept ? this.#kept : this.#cooling).set(offset, { owner, until });
    return until;
  }

  /** Says that an address was released before this object was made. To be called in the order of the releases. */
  recall(address: string, released: Released, isKept: boolean): void {
    const offset = this.#offset(address);
    if (offset === null || !this.isForPods(address)) return;
    if (isKept || released.until > this.#now()) (isKept ? this.#kept : this.#cooling).set(offset, released);
  }

  /** Says that an address is not kept any more. */
  forget(address: string): void {
    const offset = this.#offset(address);
    const kept = offset === null ? undefined : this.#kept.get(offset);
    if (offset === null || !kept) return;
    this.#kept.delete(offset);
    if (kept.until > this.#now()) this.#cooling.set(offset, kept);
  }

  #own(offset: bigint, owner: string): Taken {
    const [cooling, kept] = [this.#cooling.get(offset), this.#kept.get(offset)];
    this.#cooling.delete(offset);
    this.#kept.delete(offset);
    this.#owners.set(offset, owner);
    const undo = (): void => {
      this.#owners.delete(offset);
      if (cooling) this.#cooling.set(offset, cooling);
      if (kept) this.#kept.set(offset, kept);
    };
    return { address: this.#format(offset), undo };
  }

  #after(offset: bigint): bigint {
    return offset >= this.#last ? this.#first : offset + 1n;
  }

  #now(): bigint {
    return this.#options.clock.bootNanoseconds();
  }

  #endCooldowns(): void {
    const now = this.#now();
    for (const [offset, { until }] of this.#cooling) {
      if (until > now) break;
      this.#cooling.delete(offset);
    }
  }

  #podOffset(address: string, asked: string): bigint {
    const offset = this.#offset(address);
    if (offset !== null && this.isForPods(address)) return offset;
    const obstacle = `it is not an address for pods in ${this.cidr}`;
    throw new IpamError("address-outside", { asked, obstacle });
  }

  #offset(text: string): bigint | null {
    const address = parseAddress(text);
    return address?.family === this.#range.family ? address.value - this.#range.address : null;
  }

  #format(offset: bigint): string {
    return formatAddress({ family: this.#range.family, value: this.#range.address + offset });
  }
}

/** Whole seconds that are enough. */
export function seconds(nanoseconds: bigint): number {
  return Math.ceil(Number(nanoseconds) / 1e9);
}
