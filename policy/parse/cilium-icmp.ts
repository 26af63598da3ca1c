import type { CiliumRule } from "#policy/model/cilium-object.ts";
import type { Reader } from "./reader.ts";

type IcmpType = NonNullable<CiliumRule["icmps"]>[number];

const FAMILIES = ["IPv4", "IPv6"] as const;
type Family = (typeof FAMILIES)[number];

/** Most types in one item. */
const MAX_FIELDS = 40;

/** Numbers by name, as IANA assigned them. */
const TYPES: Readonly<Record<Family, ReadonlyMap<string, number>>> = {
  IPv4: new Map([
    ["EchoReply", 0],
    ["DestinationUnreachable", 3],
    ["Redirect", 5],
    ["Echo", 8],
    ["EchoRequest", 8],
    ["RouterAdvertisement", 9],
    ["RouterSelection", 10],
    ["TimeExceeded", 11],
    ["ParameterProblem", 12],
    ["Timestamp", 13],
    ["TimestampReply", 14],
    ["Photuris", 40],
    ["ExtendedEchoRequest", 42],
    ["ExtendedEchoReply", 43],
  ]),
  IPv6: new Map([
    ["DestinationUnreachable", 1],
    ["PacketTooBig", 2],
    ["TimeExceeded", 3],
    ["ParameterProblem", 4],
    ["EchoRequest", 128],
    ["EchoReply", 129],
    ["MulticastListenerQuery", 130],
    ["MulticastListenerReport", 131],
    ["MulticastListenerDone", 132],
    ["RouterSolicitation", 133],
    ["RouterAdvertisement", 134],
    ["NeighborSolicitation", 135],
    ["NeighborAdvertisement", 136],
    ["RedirectMessage", 137],
    ["RouterRenumbering", 138],
    ["ICMPNodeInformationQuery", 139],
    ["ICMPNodeInformationResponse", 140],
    ["InverseNeighborDiscoverySolicitation", 141],
    ["InverseNeighborDiscoveryAdvertisement", 142],
    ["HomeAgentAddressDiscoveryRequest", 144],
    ["HomeAgentAddressDiscoveryReply", 145],
    ["MobilePrefixSolicitation", 146],
    ["MobilePrefixAdvertisement", 147],
    ["DuplicateAddressRequestCodeSuffix", 157],
    ["DuplicateAddressConfirmationCodeSuffix", 158],
    ["ExtendedEchoRequest", 160],
    ["ExtendedEchoReply", 161],
  ]),
};

/** An item of `icmps`. */
export function readIcmp(reader: Reader): IcmpType[] {
  const fields = reader.fields();
  const list = fields?.optional("fields");
  const items = list?.items() ?? [];
  fields?.refuseOthers();
  if (items.length > MAX_FIELDS) list?.fail(`has ${items.length} items; at most ${MAX_FIELDS} are accepted`);
  return items.map(readType).filter((type) => type !== null);
}

function readType(reader: Reader): IcmpType | null {
  const fields = reader.fields();
  if (!fields) return null;
  const familyField = fields.optional("family");
  const family = familyField ? familyField.oneOf(FAMILIES) : "IPv4";
  const typeField = fields.required("type");
  const type = typeField && family && readNumber(typeField, family);
  fields.refuseOthers();
  return family === null || type === null ? null : { protocol: family === "IPv4" ? "ICMP" : "ICMPv6", type };
}

function readNumber(reader: Reader, family: Family): number | null {
  if (reader.isNumber) return reader.integer(0, 255);
  const text = reader.text((value) => {
    if (TYPES[family].has(value)) return null;
    if (!/^(0|[1-9][0-9]*)$/.test(value)) {
      return `is no type of ICMP over ${family}; accepted are 0 to 255, ${[...TYPES[family].keys()].join(", ")}`;
    }
    return Number(value) <= 255 ? null : "is not a whole number from 0 to 255";
  });
  return text === null ? null : (TYPES[family].get(text) ?? Number(text));
}
