import {
  type Address,
  type Cidr,
  cidrContains,
  formatAddress,
  formatCidr,
  hostCidr,
  parseCidr,
} from "#policy/model/cidr.ts";

/** The addresses of a range that are in none of the finer ranges of the partition. */
export interface AddressCell {
  readonly cidr: Cidr;
  /** Canonical text of {@link cidr}. */
  readonly text: string;
  /** The next wider range; null for all addresses of a family. */
  readonly parent: AddressCell | null;
  /** The next finer ranges, by address. */
  readonly children: readonly AddressCell[];
}

interface Draft extends AddressCell {
  readonly children: Draft[];
}

const WIDTH = { 4: 32, 6: 128 } as const;
const EVERYTHING = ["0.0.0.0/0", "::/0"];
/** Addresses for documentation: they stand for any where nothing else is asked. */
const NICE = ["192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "2001:db8::1", "3fff::1"];

/** Splits all addresses by the ranges that anybody speaks of. */
export class AddressCells {
  /** By family and address, the wider range first. */
  readonly cells: readonly AddressCell[];
  readonly #byText: ReadonlyMap<string, Draft>;
  /** Lengths of prefixes that occur, descending. */
  readonly #lengths: readonly number[];

  /** @param cidrs Canonical texts. */
  constructor(cidrs: Iterable<string>) {
    const texts = new Set([...EVERYTHING, ...cidrs]);
    const sorted = [...texts].map((text) => parseCidr(text) as Cidr).sort(compareCidrs);
    const cells: Draft[] = [];
    const stack: Draft[] = [];
    for (const cidr of sorted) {
      while (stack.length > 0 && !cidrContains((stack.at(-1) as Draft).cidr, cidr)) stack.pop();
      const parent = stack.at(-1) ?? null;
      const cell: Draft = { cidr, text: formatCidr(cidr), parent, children: [] };
      parent?.children.push(cell);
      stack.push(cell);
      cells.push(cell);
    }
    this.cells = cells;
    this.#byText = new Map(cells.map((cell) => [cell.text, cell]));
    this.#lengths = [...new Set(sorted.map(({ bits }) => bits))].sort((a, b) => b - a);
  }

  cellOf(address: Address): AddressCell {
    for (const bits of this.#lengths) {
      if (bits > WIDTH[address.family]) continue;
      const free = BigInt(WIDTH[address.family] - bits);
      const text = formatCidr({ family: address.family, address: (address.value >> free) << free, bits });
      const found = this.#byText.get(text);
      if (found) return found;
    }
    throw new Error(`find ${formatAddress(address)}: no cell has it`);
  }

  /**
   * An address of a cell that is none of those that are taken; null where there is none.
   *
   * @param taken Sorted by family and value.
   */
  representative({ cidr, children }: AddressCell, taken: readonly Address[]): string | null {
    const end = lastOf(cidr);
    const from = lowerBound(taken, { family: cidr.family, value: cidr.address });
    const upTo = lowerBound(taken, { family: cidr.family, value: end + 1n });
    const holes = [...children.map((child) => child.cidr), ...taken.slice(from, upTo).map(hostCidr)].sort(compareCidrs);
    const isFree = (value: bigint): boolean =>
      !holes.some((hole) => cidrContains(hole, hostCidr({ family: cidr.family, value })));
    const nice = NICE.find((text) => {
      const host = parseCidr(`${text}/${text.includes(":") ? 128 : 32}`) as Cidr;
      return cidrContains(cidr, host) && isFree(host.address);
    });
    if (nice !== undefined) return nice;
    let value = cidr.address;
    for (const hole of holes) {
      if (hole.address > value) break;
      const next = lastOf(hole) + 1n;
      if (next > value) value = next;
    }
    if (value > end) return null;
    // The first address of a range is seldom anybody's.
    const second = value + 1n;
    const isNicer = value === cidr.address && second <= end && isFree(second);
    return formatAddress({ family: cidr.family, value: isNicer ? second : value });
  }
}

/** A cell and the wider ranges around it, from the finest. */
export function* chainOf(cell: AddressCell): Generator<AddressCell> {
  for (let one: AddressCell | null = cell; one; one = one.parent) yield one;
}

export function compareAddresses(a: Address, b: Address): number {
  return a.family - b.family || (a.value < b.value ? -1 : a.value > b.value ? 1 : 0);
}

function compareCidrs(a: Cidr, b: Cidr): number {
  if (a.family !== b.family) return a.family - b.family;
  if (a.address !== b.address) return a.address < b.address ? -1 : 1;
  return a.bits - b.bits;
}

function lastOf({ family, address, bits }: Cidr): bigint {
  return address + (1n << BigInt(WIDTH[family] - bits)) - 1n;
}

/** The place of the first that is not less. */
function lowerBound(sorted: readonly Address[], wanted: Address): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareAddresses(sorted[middle] as Address, wanted) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
