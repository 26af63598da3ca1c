import { parseAttributes, parseNested } from "./attributes.ts";
import { littleEndian, readU32, viewOf } from "./bytes.ts";
import {
  Family,
  MessageFlag,
  MessageType,
  RouteAttribute,
  RouteFlag,
  RouteMetric,
  RouteProtocol,
  RouteScope,
  RouteTable,
  RouteType,
} from "./constants.ts";
import { NetlinkError } from "./error.ts";
import { formatIp, ipBytes } from "./ip.ts";
import type { NetlinkRequest } from "./message.ts";
import { malformed, parsed, type Parsed } from "./parsed.ts";
import { PayloadWriter } from "./payload-writer.ts";

export interface RouteSpec {
  /** `ADDRESS/BITS`; a default route is `0.0.0.0/0` or `::/0`. */
  readonly destination: string;
  readonly gateway?: string;
  /** Index of the device. */
  readonly index?: number;
  /** One of RouteScope; default: LINK without a gateway, else UNIVERSE. IPv6 knows no scopes. */
  readonly scope?: number;
  /** The gateway is on the device's link, whatever the routes say. */
  readonly onlink?: boolean;
  /** Preference among routes to one destination: the lowest. 0: IPv4's own; IPv6 takes 1024. */
  readonly metric?: number;
  /** Largest packet on this route, in bytes. */
  readonly mtu?: number;
  /** Default: the main table. */
  readonly table?: number;
  /** Who made it; default STATIC. */
  readonly protocol?: number;
  /** Address of the node's own packets that take this route. */
  readonly source?: string;
  /** One of RouteType; default UNICAST. */
  readonly type?: number;
}

export interface Route {
  readonly destination: string;
  readonly gateway: string | null;
  readonly index: number | null;
  readonly scope: number;
  readonly onlink: boolean;
  readonly metric: number;
  readonly mtu: number | null;
  readonly table: number;
  readonly protocol: number;
  /** One of RouteType. */
  readonly type: number;
  readonly source: string | null;
}

/** Adds a route; fails with EEXIST when one to that destination with that metric is there. */
export function addRoute(spec: RouteSpec): NetlinkRequest {
  return request(MessageType.NEWROUTE, MessageFlag.CREATE | MessageFlag.EXCLUSIVE, spec, "add");
}

/** Removes a route; fails with ESRCH when there is none. */
export function deleteRoute(spec: RouteSpec): NetlinkRequest {
  return request(MessageType.DELROUTE, 0, spec, "delete");
}

/**
 * The route that a packet to the address would take: answered with a {@link Route} to that one address.
 *
 * @param from whose packet it is that came by a device, which is asked as the kernel asks before it forwards; missing: the node's own.
 */
export function getRoute(address: string, from?: { readonly source: string; readonly index: number }): NetlinkRequest {
  const bytes = ipBytes(address);
  const writer = header({
    family: familyOf(bytes),
    bits: bytes.length * 8,
    sourceBits: from ? bytes.length * 8 : 0,
  });
  writer.attribute(RouteAttribute.DESTINATION, bytes);
  if (from) {
    writer.attribute(RouteAttribute.SOURCE, ipBytes(from.source));
    writer.attributeU32(RouteAttribute.INPUT_INTERFACE, from.index);
  }
  return { type: MessageType.GETROUTE, flags: 0, payload: writer.finish(), what: `look up route to ${address}` };
}

/** For a dump of one family's routes; `index` and `table` narrow it where the kernel filters. */
export function getRoutes(filter: { family: number; index?: number; table?: number }): NetlinkRequest {
  const writer = header({ family: filter.family });
  if (filter.index !== undefined) writer.attributeU32(RouteAttribute.OUTPUT_INTERFACE, filter.index);
  if (filter.table !== undefined) writer.attributeU32(RouteAttribute.TABLE, filter.table);
  return { type: MessageType.GETROUTE, flags: 0, payload: writer.finish(), what: "list routes" };
}

/** Reads the payload of a message of type NEWROUTE or DELROUTE. */
export function parseRoute(payload: Uint8Array): Parsed<Route> {
  if (payload.length < 12) return malformed(`route has ${payload.length} bytes`);
  const view = viewOf(payload);
  const attributes = parseAttributes(payload.subarray(12));
  if (!attributes.ok) return attributes;
  const metrics = parseNested(attributes.value.get(RouteAttribute.METRICS));
  if (!metrics.ok) return metrics;
  const zero = new Uint8Array(view.getUint8(0) === Family.INET6 ? 16 : 4);
  const destination = attributes.value.get(RouteAttribute.DESTINATION) ?? zero;
  const gateway = attributes.value.get(RouteAttribute.GATEWAY);
  const source = attributes.value.get(RouteAttribute.PREFERRED_SOURCE);
  for (const bytes of [destination, gateway, source]) {
    if (bytes && bytes.length !== zero.length) return malformed(`route has an address of ${bytes.length} bytes`);
  }
  return parsed({
    destination: `${formatIp(destination)}/${view.getUint8(1)}`,
    gateway: gateway ? formatIp(gateway) : null,
    index: readU32(attributes.value.get(RouteAttribute.OUTPUT_INTERFACE)) ?? null,
    scope: view.getUint8(6),
    onlink: (view.getUint32(8, littleEndian) & RouteFlag.ONLINK) !== 0,
    metric: readU32(attributes.value.get(RouteAttribute.PRIORITY)) ?? 0,
    mtu: readU32(metrics.value.get(RouteMetric.MTU)) ?? null,
    table: readU32(attributes.value.get(RouteAttribute.TABLE)) ?? view.getUint8(4),
    protocol: view.getUint8(5),
    type: view.getUint8(7),
    source: source ? formatIp(source) : null,
  });
}

interface RouteHeader {
  family: number;
  bits?: number;
  sourceBits?: number;
  table?: number;
  protocol?: number;
  scope?: number;
  type?: number;
  flags?: number;
}

/** struct rtmsg: {u8 family, u8 destination bits, u8 source bits, u8 tos, u8 table, u8 protocol, u8 scope, u8 type, u32 flags}. */
function header(fields: RouteHeader): PayloadWriter {
  const { family, bits = 0, sourceBits = 0, table = 0, protocol = 0, scope = 0, type = 0, flags = 0 } = fields;
  return new PayloadWriter()
    .u8(family)
    .u8(bits)
    .u8(sourceBits)
    .u8(0)
    .u8(table > 255 ? RouteTable.UNSPEC : table)
    .u8(protocol)
    .u8(scope)
    .u8(type)
    .u32(flags);
}

function request(type: number, flags: number, spec: RouteSpec, verb: string): NetlinkRequest {
  const [address, bits] = parseDestination(spec.destination);
  const table = spec.table ?? RouteTable.MAIN;
  const scope = spec.scope ?? (spec.gateway === undefined ? RouteScope.LINK : RouteScope.UNIVERSE);
  const writer = header({
    family: familyOf(address),
    bits,
    table,
    protocol: spec.protocol ?? RouteProtocol.STATIC,
    scope: familyOf(address) === Family.INET6 ? RouteScope.UNIVERSE : scope,
    type: spec.type ?? RouteType.UNICAST,
    flags: spec.onlink ? RouteFlag.ONLINK : 0,
  });
  if (bits > 0) writer.attribute(RouteAttribute.DESTINATION, address);
  if (spec.gateway !== undefined) writer.attribute(RouteAttribute.GATEWAY, ipBytes(spec.gateway));
  if (spec.index !== undefined) writer.attributeU32(RouteAttribute.OUTPUT_INTERFACE, spec.index);
  if (spec.metric) writer.attributeU32(RouteAttribute.PRIORITY, spec.metric);
  if (spec.source !== undefined) writer.attribute(RouteAttribute.PREFERRED_SOURCE, ipBytes(spec.source));
  if (table > 255) writer.attributeU32(RouteAttribute.TABLE, table);
  if (spec.mtu !== undefined) {
    const { mtu } = spec;
    writer.nested(RouteAttribute.METRICS, () => writer.attributeU32(RouteMetric.MTU, mtu));
  }
  return { type, flags, payload: writer.finish(), what: `${verb} route to ${spec.destination}` };
}

export function familyOf(bytes: Uint8Array): number {
  return bytes.length === 4 ? Family.INET : Family.INET6;
}

function parseDestination(text: string): [Uint8Array, number] {
  const slash = text.indexOf("/");
  const bytes = ipBytes(slash < 0 ? text : text.slice(0, slash));
  const bits = slash < 0 ? Number.NaN : Number(text.slice(slash + 1));
  if (!Number.isInteger(bits) || bits < 0 || bits > bytes.length * 8) {
    throw new NetlinkError("invalid", `write route: ${JSON.stringify(text)} is no ADDRESS/BITS`);
  }
  return [bytes, bits];
}
