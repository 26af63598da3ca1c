/**
 * What the datapath's headers say of members beyond their types: which numbers are enums, which bytes addresses. The
 * names are those of `bpf/lib/shared`; whatever a map has besides is decoded by its type alone.
 */
import {
  type BtfDecoder,
  type BtfMember,
  type BtfType,
  type BtfValue,
  enumDecoder,
  type MemberDecoder,
} from "libbpf-ts";
import { formatAddress } from "#policy/model/cidr.ts";

/** Enums by their names, from wherever the kernel has them. */
export type FindEnum = (name: string) => ReadonlyMap<string, number> | undefined;

/** Members that hold a value of an enum. */
const enums: Readonly<Record<string, string>> = {
  "bandwidth_key.direction": "direction",
  "conntrack_end.match": "policy_match",
  "conntrack_end.verdict": "verdict",
  "counter_key.file": "source_file",
  "counter_key.hook": "event_hook",
  "counter_key.reason": "drop_reason",
  "datagram.family": "address_family",
  "endpoint.family": "address_family",
  "endpoint_key.family": "address_family",
  "event_end.match": "policy_match",
  "event_end.verdict": "verdict",
  "ipcache_key.family": "address_family",
  "nat4_key.side": "nat_side",
  "nat6_key.side": "nat_side",
  "policy_decision.verdict": "verdict",
  "policy_key.direction": "direction",
};

/** Members that hold flags of an enum. */
const flags: Readonly<Record<string, string>> = {
  "conntrack_entry.flags": "connection_flag",
  "endpoint.flags": "endpoint_flag",
  "nat_entry.flags": "nat_flag",
};

/** Keys and values that are bare numbers, by map. */
const bareEnums: Readonly<Record<string, { readonly key?: string; readonly flags?: string }>> = {
  forwarded: { key: "event_hook" },
  masquerade_ranges: { flags: "masquerade_range" },
  nat_counters: { key: "nat_counter" },
  resets: { key: "event_hook" },
};

/** Members that are an IPv4 address. */
const ipv4 = new Set(["conntrack4_key.low_address", "conntrack4_key.high_address", "nat4_key.own", "nat4_key.remote"]);

const FAMILY_IPV4 = 1;
const FAMILY_IPV6 = 2;

/** What is known of the members of a map's types. @param map its name: `nat4` has addresses of one family. */
export function knownMembers(map: string, findEnum: FindEnum): MemberDecoder {
  return (parent, member) => {
    const { offset } = member;
    const name = `${parent.name}.${member.name}`;
    // A lock is the kernel's, and zero to whoever looks.
    if (/^pad\d*$/.test(member.name) || isStruct(member.type, "bpf_spin_lock")) return "left out";
    if (isStruct(member.type, "ip_address")) return addressDecoder(member, familyOf(map, parent, member));
    if (ipv4.has(name)) return (view, at) => addressText(view, at + offset, FAMILY_IPV4);
    if (isMac(member)) return (view, at) => macText(view, at + offset);
    const number = unsignedDecoder(member.type, offset);
    const values = findEnum(enums[name] ?? flags[name] ?? "");
    if (!number || !values) return undefined;
    return enums[name] === undefined ? flagsDecoder(values, number) : enumDecoder(values, number);
  };
}

/** How keys or values that are bare numbers are read; undefined: by their type. */
export function knownNumber(
  map: string,
  part: "key" | "value",
  type: BtfType,
  findEnum: FindEnum,
): BtfDecoder | undefined {
  const known = bareEnums[map];
  const number = unsignedDecoder(type, 0);
  const values = findEnum((part === "key" ? known?.key : known?.flags) ?? "");
  if (!number || !values) return undefined;
  return part === "key" ? enumDecoder(values, number) : flagsDecoder(values, number);
}

/** Names of the bits that are set; those without a name together as one number. */
function flagsDecoder(values: ReadonlyMap<string, number>, number: (view: DataView, at: number) => number): BtfDecoder {
  return (view, at) => {
    let rest = number(view, at);
    const names: BtfValue[] = [];
    for (const [name, bit] of values) {
      if ((rest & bit) === 0) continue;
      names.push(name);
      rest &= ~bit;
    }
    return rest === 0 ? names : [...names, rest >>> 0];
  };
}

/** Where the family of an address stands, if it is not always the same. */
type Family = number | ((view: DataView, at: number) => number);

/** By the member's name, by the one beside it that says so, by the map's name, and else by what the bytes look like. */
function familyOf(
  map: string,
  parent: { readonly members: readonly BtfMember[] },
  { name, offset }: BtfMember,
): Family {
  if (name === "ipv4") return FAMILY_IPV4;
  if (name === "ipv6") return FAMILY_IPV6;
  const beside = parent.members.find((member) => member.name === "family");
  if (beside) return (view, at) => view.getUint8(at + beside.offset);
  if (map.endsWith("4")) return FAMILY_IPV4;
  if (map.endsWith("6")) return FAMILY_IPV6;
  return (view, at) => {
    const rest = [4, 8, 12].some((word) => view.getUint32(at + offset + word) !== 0);
    return rest ? FAMILY_IPV6 : FAMILY_IPV4;
  };
}

/** The text of an address; null for one that is all zero, unless its family is told beside it. */
function addressDecoder({ offset }: BtfMember, family: Family): BtfDecoder {
  if (typeof family === "number") return (view, at) => orNull(addressText(view, at + offset, family));
  return (view, at) => {
    const told = family(view, at);
    return told === 0 ? orNull(addressText(view, at + offset, FAMILY_IPV6)) : addressText(view, at + offset, told);
  };
}

const orNull = (text: string): string | null => (text === "0.0.0.0" || text === "::" ? null : text);

function addressText(view: DataView, at: number, family: number): string {
  if (family === FAMILY_IPV4) return formatAddress({ family: 4, value: BigInt(view.getUint32(at)) });
  const value = (view.getBigUint64(at) << 64n) | view.getBigUint64(at + 8);
  return formatAddress({ family: 6, value });
}

function isMac({ name, type }: BtfMember): boolean {
  return /(^|_)mac$/.test(name) && type.kind === "array" && type.size === 6;
}

function macText(view: DataView, at: number): string {
  return Array.from({ length: 6 }, (_, i) =>
    view
      .getUint8(at + i)
      .toString(16)
      .padStart(2, "0"),
  ).join(":");
}

function isStruct(type: BtfType, name: string): boolean {
  return type.kind === "struct" && type.name === name;
}

function unsignedDecoder(type: BtfType, offset: number): ((view: DataView, at: number) => number) | undefined {
  switch (type.size) {
    case 1:
      return (view, at) => view.getUint8(at + offset);
    case 4:
      return (view, at) => view.getUint32(at + offset, true);
    default:
      return undefined;
  }
}
