import { type AddressToken, tokenBlock } from "#policy/model/address-token.ts";
import { type Cidr, parseCidr } from "#policy/model/cidr.ts";
import type { KnownPrefix } from "./partition.ts";

interface Range {
  identity: number | null;
  readonly said: AddressToken[];
}

/** Ranges of one length. */
interface Level {
  /** Bits of an address that are not of the range. */
  readonly free: bigint;
  readonly ranges: Map<bigint, Range>;
  readonly bits: number;
}

/** What is known of an address by the ranges that it is in. */
export interface Covered {
  /** Of the closest owner; null: nobody owns a range around it. */
  readonly identity: number | null;
  /** What rules say of the ranges; not sorted. */
  readonly said: readonly AddressToken[];
  /** Whether a rule's range is the very one that was asked for. */
  readonly isExact: boolean;
}

const widths = { 4: 32, 6: 128 } as const;

/** Finds the ranges that an address is in, at a cost that does not grow with how many there are. */
export class Covering {
  readonly #levels: Record<4 | 6, readonly Level[]>;

  constructor(known: readonly KnownPrefix[], tokens: readonly AddressToken[]) {
    const levels = { 4: new Map<number, Level>(), 6: new Map<number, Level>() };
    const range = (text: string): Range => {
      const { family, address, bits } = parseCidr(text) as Cidr;
      const free = BigInt(widths[family] - bits);
      let level = levels[family].get(bits);
      if (!level) levels[family].set(bits, (level = { free, ranges: new Map(), bits }));
      let found = level.ranges.get(address >> free);
      if (!found) level.ranges.set(address >> free, (found = { identity: null, said: [] }));
      return found;
    };
    for (const { prefix, identity } of known) range(prefix).identity = identity;
    for (const token of tokens) {
      const block = tokenBlock(token);
      if (block) range(block.cidr).said.push(token);
    }
    const longestFirst = (of: Map<number, Level>): Level[] =>
      [...of].sort(([a], [b]) => b - a).map(([, level]) => level);
    this.#levels = { 4: longestFirst(levels[4]), 6: longestFirst(levels[6]) };
  }

  /** What all of a range is in. */
  at({ family, address, bits }: Cidr): Covered {
    let identity: number | null = null;
    let isExact = false;
    const said: AddressToken[] = [];
    for (const level of this.#levels[family]) {
      const range = level.bits <= bits ? level.ranges.get(address >> level.free) : undefined;
      if (!range) continue;
      identity ??= range.identity;
      said.push(...range.said);
      isExact ||= level.bits === bits && range.said.length > 0;
    }
    return { identity, said, isExact };
  }
}
