import { type Cidr, parseCidr } from "#policy/model/cidr.ts";
import type { Reader } from "./reader.ts";

/** Reads a range of addresses. */
export function readRange(reader: Reader): Cidr | null {
  const text = reader.text(cidrFault);
  return text === null ? null : parseCidr(text);
}

function cidrFault(text: string): string | null {
  const cidr = parseCidr(text);
  if (!cidr) return "is not a CIDR like 10.0.0.0/8 or fd00::/8";
  const mapped = cidr.family === 6 && cidr.bits >= 96 && cidr.address >> 32n === 0xffffn;
  return mapped ? "is an IPv4-mapped IPv6 range; write it as IPv4" : null;
}
