import { parseAttributes } from "./attributes.ts";
import { littleEndian, readU32, viewOf } from "./bytes.ts";
import { AddressAttribute, AddressFlag, Family, MessageFlag, MessageType, RouteScope } from "./constants.ts";
import { formatIp, ipBytes } from "./ip.ts";
import type { NetlinkRequest } from "./message.ts";
import { malformed, parsed, type Parsed } from "./parsed.ts";
import { PayloadWriter } from "./payload-writer.ts";

export interface AddressSpec {
  /** Index of the device. */
  readonly index: number;
  readonly address: string;
  /** Bits; 32 or 128 for an address that shares its link with nobody. */
  readonly prefix: number;
  /** One of RouteScope; default UNIVERSE. */
  readonly scope?: number;
  /** IPv6: do not ask the link first whether somebody has the address already. */
  readonly noDad?: boolean;
  readonly noPrefixRoute?: boolean;
}

export interface InterfaceAddress {
  readonly index: number;
  readonly address: string;
  readonly prefix: number;
  readonly scope: number;
  /** Bits of AddressFlag. */
  readonly flags: number;
}

/** Adds an address; fails with EEXIST when the device has it. */
export function addAddress(spec: AddressSpec): NetlinkRequest {
  return request(MessageType.NEWADDR, MessageFlag.CREATE | MessageFlag.EXCLUSIVE, spec, "add");
}

/** Adds an address or, where the device has it, makes it as the spec says. */
export function replaceAddress(spec: AddressSpec): NetlinkRequest {
  return request(MessageType.NEWADDR, MessageFlag.CREATE | MessageFlag.REPLACE, spec, "set");
}

/** Removes an address; fails with EADDRNOTAVAIL when the device does not have it. */
export function deleteAddress(spec: AddressSpec): NetlinkRequest {
  return request(MessageType.DELADDR, 0, spec, "delete");
}

/** For a dump of all addresses, or of one device's: where the kernel does not filter, the caller has to. */
export function getAddresses(filter: { readonly index?: number } = {}): NetlinkRequest {
  const writer = new PayloadWriter();
  writeHeader(writer, Family.UNSPEC, 0, 0, RouteScope.UNIVERSE, filter.index ?? 0);
  return { type: MessageType.GETADDR, flags: 0, payload: writer.finish(), what: "list addresses" };
}

/** Reads the payload of a message of type NEWADDR or DELADDR. */
export function parseAddress(payload: Uint8Array): Parsed<InterfaceAddress> {
  if (payload.length < 8) return malformed(`address has ${payload.length} bytes`);
  const view = viewOf(payload);
  const attributes = parseAttributes(payload.subarray(8));
  if (!attributes.ok) return attributes;
  // On point-to-point devices ADDRESS is the other side's, LOCAL ours; IPv6 has ADDRESS alone.
  const bytes = attributes.value.get(AddressAttribute.LOCAL) ?? attributes.value.get(AddressAttribute.ADDRESS);
  if (bytes?.length !== 4 && bytes?.length !== 16) return malformed(`address has ${bytes?.length ?? 0} bytes`);
  return parsed({
    index: view.getUint32(4, littleEndian),
    address: formatIp(bytes),
    prefix: view.getUint8(1),
    scope: view.getUint8(3),
    flags: readU32(attributes.value.get(AddressAttribute.FLAGS)) ?? view.getUint8(2),
  });
}

/** struct ifaddrmsg: {u8 family, u8 prefix, u8 flags, u8 scope, u32 index}. */
function writeHeader(
  writer: PayloadWriter,
  family: number,
  prefix: number,
  flags: number,
  scope: number,
  index: number,
): void {
  writer.u8(family).u8(prefix).u8(flags).u8(scope).u32(index);
}

function request(type: number, flags: number, spec: AddressSpec, verb: string): NetlinkRequest {
  const bytes = ipBytes(spec.address);
  const family = bytes.length === 4 ? Family.INET : Family.INET6;
  let addressFlags = AddressFlag.PERMANENT as number;
  if (spec.noDad && family === Family.INET6) addressFlags |= AddressFlag.NO_DAD;
  if (spec.noPrefixRoute) addressFlags |= AddressFlag.NO_PREFIX_ROUTE;
  const writer = new PayloadWriter();
  writeHeader(writer, family, spec.prefix, addressFlags & 0xff, spec.scope ?? RouteScope.UNIVERSE, spec.index);
  writer.attribute(AddressAttribute.LOCAL, bytes).attribute(AddressAttribute.ADDRESS, bytes);
  writer.attributeU32(AddressAttribute.FLAGS, addressFlags);
  const what = `${verb} address ${spec.address}/${spec.prefix} on link ${spec.index}`;
  return { type, flags, payload: writer.finish(), what };
}
