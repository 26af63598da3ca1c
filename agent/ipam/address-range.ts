import type { Clock } from "#agent/runtime/clock.ts";
import { type Cidr, formatAddress, formatCidr, parseAddress, parseCidr } from "#policy/model/cidr.ts";
import { IpamError } from "./errors.ts";

export interface AddressRangeOptions {
  readonly clock: Clock;
  /** How long an address that was released is not handed out again, in milliseconds. */
  readonly cooldown: number;
}

/**
 * The addresses of one family that a node gives to its pods.
 *
 * The network's address, the first one (the pods' gateway) and, in IPv4, the broadcast
 * address are never given. Addresses are given in turn, so that the one released last
 * comes round last, and never within its cool-down: some node may still take it for the
 * pod that had it. Only what is taken is remembered, so that the size of the range does
 * not matter.
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
  /** When a released address is free again, in boot-time nanoseconds; in this order. */
  readonly #cooling = new Map<bigint, bigint>();
  #next: bigint;

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

  /** Addresses that are in their cool-down. */
  get cooling(): number {
    this.#endCooldowns();
    return this.#cooling.size;
  }

  /**
   * An address for an owner, in canonical text.
   *
   * @throws IpamError `pool-exhausted`.
   */
  allocate(owner: string): string {
    this.#endCooldowns();
    if (BigInt(this.#owners.size + this.#cooling.size) >= this.capacity) throw this.#exhausted();
    let offset = this.#next;
    while (this.#owners.has(offset) || this.#cooling.has(offset)) offset = this.#after(offset);
    this.#owners.set(offset, owner);
    this.#next = this.#after(offset);
    return this.#format(offset);
  }

  /**
   * Says that an owner has an address already, as an endpoint's record tells at start.
   *
   * @throws IpamError `address-outside`, `address-in-use`.
   */
  reserve(address: string, owner: string): void {
    const asked = `reserve ${address} for ${owner}`;
    const offset = this.#offset(address);
    if (offset === null || offset < this.#first || offset > this.#last) {
      const obstacle = `it is not an address for pods in ${this.cidr}`;
      throw new IpamError("address-outside", { asked, obstacle });
    }
    const other = this.#owners.get(offset);
    if (other !== undefined) throw new IpamError("address-in-use", { asked, obstacle: `${other} has it` });
    this.#cooling.delete(offset);
    this.#owners.set(offset, owner);
    if (offset >= this.#next) this.#next = this.#after(offset);
  }

  /** Takes an address back, and begins its cool-down. False when nobody had it. */
  release(address: string): boolean {
    const offset = this.#offset(address);
    if (offset === null || !this.#owners.delete(offset)) return false;
    const { clock, cooldown } = this.#options;
    this.#cooling.set(offset, clock.bootNanoseconds() + BigInt(cooldown) * 1_000_000n);
    return true;
  }

  /** Takes an address back that nobody has seen: it needs no cool-down. */
  withdraw(address: string): void {
    const offset = this.#offset(address);
    if (offset !== null) this.#owners.delete(offset);
  }

  #after(offset: bigint): bigint {
    return offset >= this.#last ? this.#first : offset + 1n;
  }

  #endCooldowns(): void {
    const now = this.#options.clock.bootNanoseconds();
    for (const [offset, end] of this.#cooling) {
      if (end > now) break;
      this.#cooling.delete(offset);
    }
  }

  #exhausted(): IpamError {
    const [soonest] = this.#cooling.values();
    const seconds = soonest === undefined ? 0 : Number(soonest - this.#options.clock.bootNanoseconds()) / 1e9;
    return new IpamError("pool-exhausted", {
      asked: "allocate an address",
      obstacle:
        `pool ${this.cidr} has ${this.#owners.size} of ${this.capacity} addresses in use` +
        (this.#cooling.size > 0 ? ` and ${this.#cooling.size} released too recently to be used again` : ""),
      remedy:
        soonest === undefined ? "remove pods, or use a larger --pod-cidr" : `try again in ${Math.ceil(seconds)} s`,
    });
  }

  #offset(text: string): bigint | null {
    const address = parseAddress(text);
    return address?.family === this.#range.family ? address.value - this.#range.address : null;
  }

  #format(offset: bigint): string {
    return formatAddress({ family: this.#range.family, value: this.#range.address + offset });
  }
}
