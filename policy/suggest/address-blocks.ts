import { type Cidr, cidrContains, formatCidr, hostCidr, parseAddress } from "#policy/model/cidr.ts";

/** So many addresses of one range make it a range. */
const LEAST = 4;
const RANGE = { 4: 24, 6: 64 } as const;
const WIDTH = { 4: 32, 6: 128 } as const;

/** One range for each address. */
export function hostBlocks(addresses: Iterable<string>): string[] {
  return [...new Set(addresses)]
    .flatMap((text) => toCidr(text) ?? [])
    .sort(compare)
    .map(formatCidr);
}

/**
 * Fewer ranges than addresses: where several are of one /24 or /64, it stands for them, unless somebody of the
 * cluster has an address in it.
 *
 * @param inside Addresses of pods and nodes.
 */
export function aggregateBlocks(addresses: Iterable<string>, inside: readonly string[]): string[] {
  const hosts = [...new Set(addresses)].flatMap((text) => toCidr(text) ?? []);
  const taken = inside.flatMap((text) => toCidr(text) ?? []);
  const groups = Map.groupBy(hosts, (host) => formatCidr(rangeOf(host)));
  return [...groups.values()]
    .flatMap((group) => {
      const range = rangeOf(group[0] as Cidr);
      return group.length >= LEAST && !taken.some((one) => cidrContains(range, one)) ? [range] : group;
    })
    .sort(compare)
    .map(formatCidr);
}

function toCidr(text: string): Cidr | null {
  const address = parseAddress(text);
  return address && hostCidr(address);
}

function rangeOf({ family, address }: Cidr): Cidr {
  const free = BigInt(WIDTH[family] - RANGE[family]);
  return { family, address: (address >> free) << free, bits: RANGE[family] };
}

function compare(a: Cidr, b: Cidr): number {
  return a.family - b.family || (a.address < b.address ? -1 : a.address > b.address ? 1 : a.bits - b.bits);
}
