import { type Cidr, cidrContains, formatCidr, hostCidr, parseAddress } from "#policy/model/cidr.ts";
import type { CiliumCidr } from "#policy/model/cilium-object.ts";
import { readRange } from "./cidr.ts";
import { readLabelSelector } from "./label-selector.ts";
import { dnsNameFault } from "./names.ts";
import type { Reader } from "./reader.ts";

/** An item of `fromCIDR` or `toCIDR`: an address, or a range. */
export function readAddressOrRange(reader: Reader): CiliumCidr | null {
  const text = reader.string();
  if (text === null) return null;
  const range = text.includes("/") ? readRange(reader) : readHost(reader);
  return range && { kind: "cidr", cidr: formatCidr(range), except: [] };
}

function readHost(reader: Reader): Cidr | null {
  const text = reader.text((value) => {
    const address = parseAddress(value);
    if (!address) return "is neither an address nor a CIDR like 10.0.0.0/8 or fd00::/8";
    const isMapped = address.family === 6 && address.value >> 32n === 0xffffn;
    return isMapped ? "is an IPv4-mapped IPv6 address; write it as IPv4" : null;
  });
  const address = text === null ? null : parseAddress(text);
  return address && hostCidr(address);
}

/** An item of `fromCIDRSet` or `toCIDRSet`. */
export function readCidrRule(reader: Reader): CiliumCidr | null {
  const fields = reader.fields();
  if (!fields) return null;
  const cidr = fields.optional("cidr");
  const name = fields.optional("cidrGroupRef");
  const labels = fields.optional("cidrGroupSelector");
  const range = cidr && readRange(cidr);
  const group = name && name.text(dnsNameFault);
  const selector = labels && readLabelSelector(labels);
  const except = readExceptions(fields.optional("except"), range);
  fields.refuseOthers();
  const given = [cidr, name, labels].filter((one) => one !== null);
  if (given.length === 0) reader.fail("names no range; accepted are cidr, cidrGroupRef and cidrGroupSelector");
  if (given.length > 1) reader.fail("names more than one of cidr, cidrGroupRef and cidrGroupSelector; use two items");
  if (range) return { kind: "cidr", cidr: formatCidr(range), except };
  if (group !== null) return { kind: "group", name: group, except };
  return selector && { kind: "groups", selector, except };
}

/** @param range In which they must be; null: any, because what the groups hold is not known here. */
function readExceptions(reader: Reader | null, range: Cidr | null): string[] {
  const except = new Set<string>();
  for (const item of reader?.items() ?? []) {
    const hole = readRange(item);
    if (!hole) continue;
    except.add(formatCidr(hole));
    if (range && !cidrContains(range, hole)) item.fail(`"${formatCidr(hole)}" is not inside ${formatCidr(range)}`);
  }
  return [...except].sort();
}
