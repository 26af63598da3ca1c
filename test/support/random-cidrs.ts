import { type Address, type Cidr, cidrContains, formatCidr, parseCidr } from "#policy/model/cidr.ts";
import type { Random } from "./random.ts";

const WIDTH = { 4: 32, 6: 128 } as const;

/** Ranges that nest, touch, and are equal, in both families: some whole families, some single addresses. */
export class RandomCidrs {
  readonly #random: Random;
  /** Many ranges share their leading bits with one of these. */
  readonly #anchors: readonly Address[];

  constructor(random: Random) {
    this.#random = random;
    const anchor = (text: string): Address => {
      const { family, address } = parseCidr(text) as Cidr;
      return { family, value: address | this.#number(WIDTH[family] - 16) };
    };
    this.#anchors = ["10.4.0.0/16", "10.4.0.0/16", "192.0.0.0/16", "255.255.0.0/16", "fd00::/16", "2001::/16"].map(
      anchor,
    );
  }

  /** A range anywhere. */
  cidr(): Cidr {
    const { family, value } = this.#random.pick(this.#anchors);
    const width = WIDTH[family];
    const bits = this.#random.pick([
      0,
      this.#random.integer(1, width),
      this.#random.integer(12, 24),
      width - this.#random.integer(0, 6),
      width - this.#random.integer(0, 3),
    ]);
    const range = this.#masked(family, value ^ this.#number(this.#random.integer(0, 6)), bits);
    return this.#random.chance(0.25) ? this.#neighbour(range) : range;
  }

  /** A range in another one, most often not the same. */
  inside(outer: Cidr): Cidr {
    const width = WIDTH[outer.family];
    const free = width - outer.bits;
    const bits = this.#random.pick([
      width,
      Math.min(width, outer.bits + 1),
      outer.bits + this.#random.integer(0, free),
    ]);
    return this.#masked(outer.family, this.addressIn(outer), bits);
  }

  /** An address of a range, often its first or its last. */
  addressIn({ family, address, bits }: Cidr): bigint {
    const size = 1n << BigInt(WIDTH[family] - bits);
    const place = this.#random.pick([0n, size - 1n, this.#number(WIDTH[family] - bits)]);
    return address + place;
  }

  /** An address in or beside one of some ranges; sometimes one from anywhere. */
  near(ranges: readonly Cidr[]): Address {
    const range = this.#random.pick(ranges);
    const { family, address, bits } = range;
    const size = 1n << BigInt(WIDTH[family] - bits);
    const all = 1n << BigInt(WIDTH[family]);
    const value = this.#random.pick([
      address - 1n,
      address + size,
      this.addressIn(range),
      this.addressIn(range),
      this.#number(WIDTH[family]),
    ]);
    return { family, value: ((value % all) + all) % all };
  }

  #neighbour({ family, address, bits }: Cidr): Cidr {
    const size = 1n << BigInt(WIDTH[family] - bits);
    return this.#masked(family, address ^ size, bits);
  }

  #masked(family: 4 | 6, value: bigint, bits: number): Cidr {
    const width = BigInt(WIDTH[family]);
    const free = width - BigInt(bits);
    return { family, address: ((value & ((1n << width) - 1n)) >> free) << free, bits };
  }

  #number(bits: number): bigint {
    let value = 0n;
    for (let i = 0; i < bits; i += 16) value = (value << 16n) | BigInt(this.#random.integer(0, 0xffff));
    return value & ((1n << BigInt(bits)) - 1n);
  }
}

/** The longest of some ranges that have an address; undefined: none has. */
export function longest<T extends { readonly cidr: Cidr }>(parts: readonly T[], address: Address): T | undefined {
  const host = { family: address.family, address: address.value, bits: WIDTH[address.family] };
  let found: T | undefined;
  for (const part of parts) {
    if (cidrContains(part.cidr, host) && (!found || part.cidr.bits > found.cidr.bits)) found = part;
  }
  return found;
}

export function cidrTexts(cidrs: readonly Cidr[]): string[] {
  return [...new Set(cidrs.map(formatCidr))];
}
