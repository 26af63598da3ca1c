import type { AddressRange, Taken } from "./address-range.ts";
import { seconds } from "./address-range.ts";
import { IpamError } from "./errors.ts";
import { FAMILIES, type Family, familyOf, type RangeFill } from "./lease.ts";

/** Per cent of a family's addresses in use from which on it is told. */
const NEARLY_FULL = 80n;

/** Ranges of this node that have one name. A pod has an address of each family of the pool. */
export class RangePool {
  readonly name: string;
  readonly #ranges: AddressRange[];

  constructor(name: string, ranges: readonly AddressRange[]) {
    this.name = name;
    this.#ranges = [...ranges];
  }

  get ranges(): readonly AddressRange[] {
    return this.#ranges;
  }

  get families(): Family[] {
    return FAMILIES.filter((family) => this.of(family).length > 0);
  }

  get fill(): RangeFill[] {
    return this.#ranges.map(({ cidr, used, cooling, kept, capacity }) => {
      return { pool: this.name, cidr, used, cooling, kept, capacity };
    });
  }

  /** The family's ranges, those that are used up first at the front. */
  of(family: Family): AddressRange[] {
    return this.#ranges.filter(({ cidr }) => familyOf(cidr) === family);
  }

  find(address: string): AddressRange | undefined {
    return this.#ranges.find((range) => range.contains(address));
  }

  add(range: AddressRange): void {
    this.#ranges.push(range);
  }

  remove(range: AddressRange): void {
    this.#ranges.splice(this.#ranges.indexOf(range), 1);
  }

  takeFree(family: Family, owner: string): Taken | null {
    return first(this.of(family), (range) => range.takeFree(owner));
  }

  takeKept(family: Family, owner: string): Taken | null {
    return first(this.of(family), (range) => range.takeKept(owner));
  }

  /** Addresses of the family that can be given, kept ones not counted. */
  free(family: Family): bigint {
    return this.of(family).reduce((sum, { free }) => sum + free, 0n);
  }

  /** Families of which no pod can get an address now. */
  get exhausted(): Family[] {
    return this.families.filter((family) => {
      return this.of(family).every(({ used, cooling, capacity }) => BigInt(used + cooling) >= capacity);
    });
  }

  /** Families of which few addresses are left, each in a sentence; cool-downs count as use. */
  get nearlyFull(): ReadonlyMap<Family, string> {
    const found = new Map<Family, string>();
    for (const family of this.families) {
      const ranges = this.of(family);
      const capacity = ranges.reduce((sum, range) => sum + range.capacity, 0n);
      const taken = ranges.reduce((sum, { used, cooling }) => sum + BigInt(used + cooling), 0n);
      if (taken * 100n < capacity * NEARLY_FULL) continue;
      const what = taken >= capacity ? "full" : "nearly full";
      found.set(family, `pool ${this.#describe(ranges)} is ${what}: ${taken} of ${capacity} addresses`);
    }
    return found;
  }

  /** @param cause what else stood in the way. */
  exhaustion(family: Family, now: bigint, cause: string | null): IpamError {
    const ranges = this.of(family);
    const sum = (of: (range: AddressRange) => bigint): bigint => ranges.reduce((total, range) => total + of(range), 0n);
    const [used, capacity] = [sum((range) => BigInt(range.used)), sum((range) => range.capacity)];
    const resting = capacity - used;
    const soonest = ranges
      .map(({ nextFree }) => nextFree)
      .filter((end) => end !== null)
      .reduce<bigint | null>((a, b) => (a === null || b < a ? b : a), null);
    return new IpamError("pool-exhausted", {
      asked: "allocate an address",
      obstacle:
        `pool ${this.#describe(ranges)} has ${used} of ${capacity} addresses in use` +
        (resting > 0n ? ` and ${resting} released too recently to be used again` : "") +
        (cause === null ? "" : `, and no further one can be had: ${cause}`),
      remedy:
        soonest === null ? "remove pods, or give the pool a further range" : `try again in ${seconds(soonest - now)} s`,
    });
  }

  #describe(ranges: readonly AddressRange[]): string {
    const cidrs = ranges.map(({ cidr }) => cidr).join(", ");
    return this.name === "default" ? cidrs : `${this.name} (${cidrs})`;
  }
}

function first(ranges: readonly AddressRange[], take: (range: AddressRange) => Taken | null): Taken | null {
  for (const range of ranges) {
    const taken = take(range);
    if (taken) return taken;
  }
  return null;
}
