import { type Cidr, formatCidr } from "#policy/model/cidr.ts";
import type { BlockMatch } from "#policy/model/rule.ts";
import { toCidr, widened } from "./blocks.ts";

interface Filed<T> {
  readonly block: BlockMatch;
  readonly cidr: Cidr;
  readonly item: T;
}

/** Finds blocks by the ranges that they contain, or lie in, without trying each of them. */
export class BlockIndex<T> {
  readonly #byRange = new Map<string, Filed<T>[]>();
  /** Sizes that ranges have, by family. */
  readonly #lengths = { 4: new Set<number>(), 6: new Set<number>() };
  /** By family, first address and size; null when it has to be made anew. */
  #sorted: readonly Filed<T>[] | null = null;

  add(block: BlockMatch, item: T): void {
    const cidr = toCidr(block.cidr);
    const filed = { block, cidr, item };
    const found = this.#byRange.get(formatCidr(cidr));
    if (found) found.push(filed);
    else this.#byRange.set(formatCidr(cidr), [filed]);
    this.#lengths[cidr.family].add(cidr.bits);
    this.#sorted = null;
  }

  /** Whose ranges contain a range, exceptions aside. */
  around(range: Cidr): readonly Filed<T>[] {
    const lengths = [...this.#lengths[range.family]].filter((bits) => bits <= range.bits);
    return lengths.flatMap((bits) => this.#byRange.get(formatCidr(widened(range, bits))) ?? []);
  }

  /** The ranges that lie in a range, itself among them; null where there are more than `most`. */
  inside(range: Cidr, most: number): Cidr[] | null {
    const sorted = (this.#sorted ??= [...this.#byRange.values()].flat().sort((a, b) => compare(a.cidr, b.cidr)));
    const found: Cidr[] = [];
    for (let i = firstNotBefore(sorted, range); i < sorted.length; i++) {
      const { cidr } = sorted[i] as Filed<T>;
      if (cidr.family !== range.family || cidr.address >= endOf(range)) break;
      found.push(cidr);
      if (found.length > most) return null;
    }
    return found;
  }
}

function compare(a: Cidr, b: Cidr): number {
  return a.family - b.family || (a.address < b.address ? -1 : a.address > b.address ? 1 : a.bits - b.bits);
}

function firstNotBefore(sorted: readonly { readonly cidr: Cidr }[], range: Cidr): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare((sorted[middle] as { readonly cidr: Cidr }).cidr, range) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function endOf({ family, address, bits }: Cidr): bigint {
  return address + (1n << BigInt((family === 4 ? 32 : 128) - bits));
}
