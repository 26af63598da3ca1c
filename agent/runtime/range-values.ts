import { BlockList, isIPv4, isIPv6 } from "node:net";
import * as z from "zod";

interface Range {
  readonly text: string;
  readonly family: "ipv4" | "ipv6";
  readonly address: string;
  readonly bits: number;
}

/** Bits of the prefix that a range of pods may have: it has room for the gateway and a pod at least. */
const limits = { ipv4: [8, 30], ipv6: [16, 126] } as const;

/** `10.0.0.0/24,fd00::/64`: ranges of pods of either family, any number. */
export const podCidrs = z.string().transform((text, context): readonly string[] => {
  const ranges = readRanges(text.split(","));
  if (typeof ranges !== "string") return ranges.map((range) => range.text);
  context.addIssue({ code: "custom", message: ranges });
  return z.NEVER;
});

/** A pool with a name of its own. */
export interface NamedPool {
  readonly name: string;
  readonly cidrs: readonly string[];
}

const poolName = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** `blue=10.1.0.0/24,fd01::/64,green=10.2.0.0/24`: what has no name of its own belongs to the pool before it. */
export const namedPools = z.string().transform((text, context): readonly NamedPool[] => {
  const refuse = (message: string): never => {
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  };
  const pools = new Map<string, string[]>();
  let last: string[] | undefined;
  for (const part of text.split(",").map((piece) => piece.trim())) {
    const equals = part.indexOf("=");
    const name = part.slice(0, equals);
    if (equals >= 0) {
      if (!poolName.test(name))
        return refuse(`"${name}" is no name of a pool: lower-case letters, digits and inner '-'`);
      if (name === "default") return refuse("the pool default is what --ipam says");
      if (pools.has(name)) return refuse(`the pool ${name} is said twice`);
      pools.set(name, (last = []));
    }
    if (last === undefined) return refuse(`"${part}" belongs to no pool; NAME=10.1.0.0/24 is wanted`);
    last.push(part.slice(equals + 1));
  }
  const ranges = readRanges([...pools.values()].flat());
  if (typeof ranges === "string") return refuse(ranges);
  return [...pools].map(([name, cidrs]) => ({ name, cidrs }));
});

/** Bits of the prefix of a cluster's blocks. */
export interface BlockMasks {
  readonly ipv4: number;
  readonly ipv6: number;
}

/** `24` or `24,120`; IPv6 has 120 where it is not said. */
export const blockMasks = z.string().transform((text, context): BlockMasks => {
  const [, four, six = "120"] = /^(\d{1,2})(?:,(\d{1,3}))?$/.exec(text) ?? [];
  const masks = { ipv4: Number(four), ipv6: Number(six) };
  const fits = (family: "ipv4" | "ipv6"): boolean =>
    masks[family] >= limits[family][0] && masks[family] <= limits[family][1];
  if (fits("ipv4") && fits("ipv6")) return masks;
  context.addIssue({
    code: "custom",
    message: "bits of a prefix like 24 or 24,120 are wanted, /8 to /30 and /16 to /126",
  });
  return z.NEVER;
});

/** Ranges that do not overlap, or what is wrong with one. */
function readRanges(texts: readonly string[]): Range[] | string {
  const ranges: Range[] = [];
  for (const text of texts) {
    const range = readRange(text.trim());
    if (typeof range === "string") return range;
    const other = ranges.find((one) => overlap(one, range));
    if (other) return `the ranges ${other.text} and ${range.text} overlap`;
    ranges.push(range);
  }
  return ranges;
}

function readRange(text: string): Range | string {
  const [address = "", bits = "", ...rest] = text.split("/");
  const family = isIPv4(address) ? "ipv4" : isIPv6(address) && !address.includes("%") ? "ipv6" : null;
  if (family === null || rest.length > 0 || !/^\d{1,3}$/.test(bits)) {
    return `"${text}" is not a range; 10.0.0.0/24, fd00::/64 or several with commas are wanted`;
  }
  const [least, most] = limits[family];
  if (Number(bits) < least || Number(bits) > most) return `the range ${text} has to be from /${least} to /${most}`;
  return { text, family, address, bits: Number(bits) };
}

function overlap(a: Range, b: Range): boolean {
  const [wide, narrow] = a.bits <= b.bits ? [a, b] : [b, a];
  const list = new BlockList();
  list.addSubnet(wide.address, wide.bits, wide.family);
  return wide.family === narrow.family && list.check(narrow.address, narrow.family);
}
