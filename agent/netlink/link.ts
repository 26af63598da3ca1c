import { parseAttributes, parseNested } from "./attributes.ts";
import { littleEndian, readText, readU32, viewOf } from "./bytes.ts";
import {
  Family,
  LINK_SKIP_STATISTICS,
  LinkAttribute,
  LinkFlag,
  LinkInfo,
  MessageFlag,
  MessageType,
  VethInfo,
} from "./constants.ts";
import { NetlinkError } from "./error.ts";
import { formatMac, macBytes } from "./mac.ts";
import type { NetlinkRequest } from "./message.ts";
import { malformed, parsed, type Parsed } from "./parsed.ts";
import { PayloadWriter } from "./payload-writer.ts";

/** Names a device of the socket's namespace. */
export type LinkReference = { readonly index: number } | { readonly name: string };

export interface VethEnd {
  /** At most 15 bytes. */
  readonly name: string;
  readonly mac: string;
}

/** A pair of devices; both are down. */
export interface VethSpec extends VethEnd {
  readonly mtu: number;
  /** The other end, made at once in the namespace that `netnsFd` is open on. */
  readonly peer: VethEnd & { readonly netnsFd: number };
}

export interface LinkChange {
  readonly index: number;
  readonly up?: boolean;
  readonly mtu?: number;
  readonly name?: string;
  readonly mac?: string;
}

export interface Link {
  readonly index: number;
  readonly name: string;
  /** Null on devices that have none. */
  readonly mac: string | null;
  readonly mtu: number;
  readonly up: boolean;
  readonly loopback: boolean;
  /** E.g. `veth`; null on physical devices. */
  readonly kind: string | null;
  /** Of a veth: the other side's index, in its own namespace. */
  readonly peerIndex: number | null;
  /** Index of the device that it is a part of, e.g. a bridge; null: of none. */
  readonly master: number | null;
}

/** Creates a veth; fails with EEXIST when either name is taken. */
export function createVeth(spec: VethSpec): NetlinkRequest {
  const writer = header(0, 0, 0);
  writeEnd(writer, spec, spec.mtu);
  writer.nested(LinkAttribute.INFO, () => {
    writer.attributeText(LinkInfo.KIND, "veth").nested(LinkInfo.DATA, () => {
      writer.nested(VethInfo.PEER, () => {
        writeHeader(writer, 0, 0, 0);
        writeEnd(writer, spec.peer, spec.mtu);
        writer.attributeU32(LinkAttribute.NETNS_FD, spec.peer.netnsFd);
      });
    });
  });
  return {
    type: MessageType.NEWLINK,
    flags: MessageFlag.CREATE | MessageFlag.EXCLUSIVE,
    payload: writer.finish(),
    what: `create veth ${spec.name} with peer ${spec.peer.name}`,
  };
}

/** Changes what the change names; applied in no promised order, so ask for one thing where order matters. */
export function setLink(change: LinkChange): NetlinkRequest {
  const writer = header(change.index, change.up === true ? LinkFlag.UP : 0, change.up === undefined ? 0 : LinkFlag.UP);
  if (change.name !== undefined) writer.attributeText(LinkAttribute.NAME, checkedName(change.name));
  if (change.mac !== undefined) writer.attribute(LinkAttribute.ADDRESS, macBytes(change.mac));
  if (change.mtu !== undefined) writer.attributeU32(LinkAttribute.MTU, change.mtu);
  return { type: MessageType.SETLINK, flags: 0, payload: writer.finish(), what: `change link ${change.index}` };
}

/** Removes a device; of a veth, both sides. */
export function deleteLink(link: LinkReference): NetlinkRequest {
  const writer = reference(link);
  return { type: MessageType.DELLINK, flags: 0, payload: writer.finish(), what: `delete link ${label(link)}` };
}

/** Answered with a {@link Link}, or ENODEV. */
export function getLink(link: LinkReference): NetlinkRequest {
  const writer = reference(link).attributeU32(LinkAttribute.EXT_MASK, LINK_SKIP_STATISTICS);
  return { type: MessageType.GETLINK, flags: 0, payload: writer.finish(), what: `read link ${label(link)}` };
}

/** For a dump of all devices. */
export function getLinks(): NetlinkRequest {
  const writer = header(0, 0, 0).attributeU32(LinkAttribute.EXT_MASK, LINK_SKIP_STATISTICS);
  return { type: MessageType.GETLINK, flags: 0, payload: writer.finish(), what: "list links" };
}

/** Reads the payload of a message of type NEWLINK or DELLINK. */
export function parseLink(payload: Uint8Array): Parsed<Link> {
  if (payload.length < 16) return malformed(`link has ${payload.length} bytes`);
  const view = viewOf(payload);
  const attributes = parseAttributes(payload.subarray(16));
  if (!attributes.ok) return attributes;
  const info = parseNested(attributes.value.get(LinkAttribute.INFO));
  if (!info.ok) return info;
  const name = readText(attributes.value.get(LinkAttribute.NAME));
  if (name === undefined) return malformed("link has no name");
  const mac = attributes.value.get(LinkAttribute.ADDRESS);
  const flags = view.getUint32(8, littleEndian);
  return parsed({
    index: view.getInt32(4, littleEndian),
    name,
    mac: mac?.length === 6 ? formatMac(mac) : null,
    mtu: readU32(attributes.value.get(LinkAttribute.MTU)) ?? 0,
    up: (flags & LinkFlag.UP) !== 0,
    loopback: (flags & LinkFlag.LOOPBACK) !== 0,
    kind: readText(info.value.get(LinkInfo.KIND)) ?? null,
    peerIndex: readU32(attributes.value.get(LinkAttribute.LINK)) ?? null,
    master: readU32(attributes.value.get(LinkAttribute.MASTER)) ?? null,
  });
}

/** struct ifinfomsg: {u8 family, u8, u16 type, i32 index, u32 flags, u32 which flags to change}. */
function writeHeader(writer: PayloadWriter, index: number, flags: number, change: number): void {
  writer.u8(Family.UNSPEC).u8(0).u16(0).u32(index).u32(flags).u32(change);
}

function header(index: number, flags: number, change: number): PayloadWriter {
  const writer = new PayloadWriter();
  writeHeader(writer, index, flags, change);
  return writer;
}

function writeEnd(writer: PayloadWriter, end: VethEnd, mtu: number): void {
  writer
    .attributeText(LinkAttribute.NAME, checkedName(end.name))
    .attribute(LinkAttribute.ADDRESS, macBytes(end.mac))
    .attributeU32(LinkAttribute.MTU, mtu);
}

function reference(link: LinkReference): PayloadWriter {
  if ("index" in link) return header(link.index, 0, 0);
  return header(0, 0, 0).attributeText(LinkAttribute.NAME, checkedName(link.name));
}

function label(link: LinkReference): string {
  return "index" in link ? String(link.index) : link.name;
}

/** The kernel cuts longer names short, which would name another device. */
function checkedName(name: string): string {
  const length = new TextEncoder().encode(name).length;
  if (length < 1 || length > 15 || name.includes("\0")) {
    throw new NetlinkError("invalid", `write link name: ${JSON.stringify(name)} is no name of a device`);
  }
  return name;
}
