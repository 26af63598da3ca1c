import { parseAttributes } from "./attributes.ts";
import { littleEndian, viewOf } from "./bytes.ts";
import { Family, MessageFlag, MessageType, NeighbourAttribute, NeighbourState } from "./constants.ts";
import { formatIp, ipBytes } from "./ip.ts";
import { formatMac, macBytes } from "./mac.ts";
import type { NetlinkRequest } from "./message.ts";
import { malformed, parsed, type Parsed } from "./parsed.ts";
import { PayloadWriter } from "./payload-writer.ts";

/** A neighbour that is known for good: nobody is ever asked for its MAC address. */
export interface NeighbourSpec {
  /** Index of the device. */
  readonly index: number;
  readonly address: string;
  readonly mac: string;
}

export interface Neighbour {
  readonly index: number;
  readonly address: string;
  /** Null while it is not known. */
  readonly mac: string | null;
  /** Bits of NeighbourState. */
  readonly state: number;
}

/** Adds a permanent entry, in the place of whatever was there. */
export function setNeighbour(spec: NeighbourSpec): NetlinkRequest {
  const writer = header(spec.index, spec.address, NeighbourState.PERMANENT);
  writer.attribute(NeighbourAttribute.LINK_ADDRESS, macBytes(spec.mac));
  return {
    type: MessageType.NEWNEIGH,
    flags: MessageFlag.CREATE | MessageFlag.REPLACE,
    payload: writer.finish(),
    what: `set neighbour ${spec.address} on link ${spec.index}`,
  };
}

/** Removes an entry; fails with ENOENT when there is none. */
export function deleteNeighbour(spec: { readonly index: number; readonly address: string }): NetlinkRequest {
  return {
    type: MessageType.DELNEIGH,
    flags: 0,
    payload: header(spec.index, spec.address, 0).finish(),
    what: `delete neighbour ${spec.address} on link ${spec.index}`,
  };
}

/** For a dump of one family's neighbours; `index` narrows it where the kernel filters. */
export function getNeighbours(filter: { readonly family: number; readonly index?: number }): NetlinkRequest {
  const writer = new PayloadWriter().u8(filter.family).u8(0).u16(0).u32(0).u16(0).u8(0).u8(0);
  if (filter.index !== undefined) writer.attributeU32(NeighbourAttribute.INTERFACE, filter.index);
  return { type: MessageType.GETNEIGH, flags: 0, payload: writer.finish(), what: "list neighbours" };
}

/** Reads the payload of a message of type NEWNEIGH or DELNEIGH. */
export function parseNeighbour(payload: Uint8Array): Parsed<Neighbour> {
  if (payload.length < 12) return malformed(`neighbour has ${payload.length} bytes`);
  const view = viewOf(payload);
  const attributes = parseAttributes(payload.subarray(12));
  if (!attributes.ok) return attributes;
  const address = attributes.value.get(NeighbourAttribute.DESTINATION);
  if (address?.length !== 4 && address?.length !== 16) {
    return malformed(`neighbour has an address of ${address?.length ?? 0} bytes`);
  }
  const mac = attributes.value.get(NeighbourAttribute.LINK_ADDRESS);
  return parsed({
    index: view.getInt32(4, littleEndian),
    address: formatIp(address),
    mac: mac?.length === 6 ? formatMac(mac) : null,
    state: view.getUint16(8, littleEndian),
  });
}

/** struct ndmsg: {u8 family, u8, u16, i32 index, u16 state, u8 flags, u8 type}, then the address. */
function header(index: number, address: string, state: number): PayloadWriter {
  const bytes = ipBytes(address);
  const family = bytes.length === 4 ? Family.INET : Family.INET6;
  return new PayloadWriter()
    .u8(family)
    .u8(0)
    .u16(0)
    .u32(index)
    .u16(state)
    .u8(0)
    .u8(0)
    .attribute(NeighbourAttribute.DESTINATION, bytes);
}
