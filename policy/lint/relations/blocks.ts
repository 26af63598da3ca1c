import { type Cidr, cidrContains, formatCidr, parseCidr } from "#policy/model/cidr.ts";
import type { BlockMatch } from "#policy/model/rule.ts";

const WIDTH = { 4: 32, 6: 128 } as const;

export function toCidr(text: string): Cidr {
  return parseCidr(text) as Cidr;
}

/** True when every address of a range lies in one of the parts. */
export function isCovered(range: Cidr, parts: readonly Cidr[]): boolean {
  if (parts.some((part) => cidrContains(part, range))) return true;
  const inside = parts.filter((part) => cidrContains(range, part));
  if (inside.length === 0) return false;
  return halves(range).every((half) => isCovered(half, inside));
}

/** Whether the exceptions of a block leave nothing of it. */
export function isHollow({ cidr, except }: BlockMatch): boolean {
  return isCovered(toCidr(cidr), except.map(toCidr));
}

/** Addresses of a range outside of all smaller ranges that rules speak of: no rule tells two of them apart. */
export type AddressAtom = Cidr;

/** A block in pieces that none of some other ranges cuts, widest first. */
export function* atomsOf(block: BlockMatch, others: readonly Cidr[]): Generator<AddressAtom> {
  const whole = toCidr(block.cidr);
  const holes = block.except.map(toCidr);
  const inside = [...holes, ...others].filter((other) => other.bits > whole.bits && cidrContains(whole, other));
  const ranges = new Map([whole, ...inside].map((range) => [formatCidr(range), range]));
  const sorted = [...ranges.values()].sort((a, b) => a.bits - b.bits);
  for (const range of sorted) {
    if (holes.some((hole) => cidrContains(hole, range))) continue;
    const smaller = sorted.filter((other) => other.bits > range.bits && cidrContains(range, other));
    if (!isCovered(range, smaller)) yield range;
  }
}

/** Whether a block holds an atom that was made with it in mind. */
export function holdsAtom({ cidr, except }: BlockMatch, atom: AddressAtom): boolean {
  return cidrContains(toCidr(cidr), atom) && !except.some((hole) => cidrContains(toCidr(hole), atom));
}

/** The range of so many bits that contains a range. */
export function widened({ family, address, bits }: Cidr, to: number): Cidr {
  const free = BigInt(WIDTH[family] - Math.min(bits, to));
  return { family, address: (address >> free) << free, bits: Math.min(bits, to) };
}

function halves({ family, address, bits }: Cidr): Cidr[] {
  const upper = address | (1n << BigInt(WIDTH[family] - bits - 1));
  return [
    { family, address, bits: bits + 1 },
    { family, address: upper, bits: bits + 1 },
  ];
}
