import { type Cidr, cidrContains, formatAddress, formatCidr, parseCidr } from "#policy/model/cidr.ts";
import type { Pace } from "./pace.ts";

/** Addresses that no prefix tells apart. */
export interface AddressPart {
  /** The longest prefix that they are in. */
  readonly prefix: string;
  /** One of them. */
  readonly address: string;
  /** All prefixes that they are in, the longest last. */
  readonly within: readonly string[];
}

interface Open {
  readonly cidr: Cidr;
  readonly prefix: string;
  /** The first address that no prefix inside this one has, as far as is known. */
  next: bigint;
  address: bigint | null;
}

/**
 * Cuts the address space at all of some prefixes: one part for each prefix that has addresses which are
 * in no longer one, and one for what is in none.
 */
export async function addressParts(prefixes: Iterable<string>, pace: Pace): Promise<AddressPart[]> {
  const cidrs = [...new Set(["0.0.0.0/0", "::/0", ...prefixes])].map((prefix) => parseCidr(prefix) as Cidr);
  const parts: AddressPart[] = [];
  const stack: Open[] = [];
  const close = (): void => {
    const open = stack.pop() as Open;
    if (open.address === null && open.next <= lastOf(open.cidr)) open.address = open.next;
    if (open.address === null) return;
    const { family } = open.cidr;
    const within = [...stack.map(({ prefix }) => prefix), open.prefix];
    parts.push({ prefix: open.prefix, address: formatAddress({ family, value: open.address }), within });
  };
  await pace.rest();
  // A prefix comes after every one that contains it, and those form a stack.
  for (const cidr of cidrs.sort(compare)) {
    if (pace.isDue) await pace.rest();
    while (stack.length > 0 && !cidrContains((stack.at(-1) as Open).cidr, cidr)) close();
    const outer = stack.at(-1);
    if (outer && outer.address === null) {
      if (outer.next < cidr.address) outer.address = outer.next;
      else outer.next = lastOf(cidr) + 1n;
    }
    stack.push({ cidr, prefix: formatCidr(cidr), next: cidr.address, address: null });
  }
  while (stack.length > 0) close();
  return parts;
}

function lastOf({ family, address, bits }: Cidr): bigint {
  return address + (1n << BigInt((family === 4 ? 32 : 128) - bits)) - 1n;
}

function compare(a: Cidr, b: Cidr): number {
  if (a.family !== b.family) return a.family - b.family;
  if (a.address !== b.address) return a.address < b.address ? -1 : 1;
  return a.bits - b.bits;
}
