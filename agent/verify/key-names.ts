import { decodeAddress, decodePrefix, encodePrefix } from "#agent/datapath/address.ts";
import {
  AddressFamily,
  bandwidthKey,
  Direction,
  IpcachePrefix,
  policyKey,
  PolicyPrefix,
} from "#agent/datapath/layouts.gen.ts";
import { type Names, protocolName } from "./names.ts";

/** `ingress from identity 257 (shop {app=web}), TCP/80` */
export function policyKeyName(key: Uint8Array, names: Names): string {
  const { prefixlen, peer, direction, protocol, port } = policyKey.decode(viewOf(key), 0);
  const isEgress = direction === Direction.EGRESS;
  const way =
    isEgress || direction === Direction.INGRESS ? (isEgress ? "egress to" : "ingress from") : `direction ${direction},`;
  const bits = prefixlen - PolicyPrefix.FIXED_BITS;
  const traffic = `${way} ${names.peer(peer)}, ${trafficName(bits, protocol, port)}`;
  const isWhole = bits === 0 || (bits >= PolicyPrefix.PROTOCOL_BITS && bits <= 24);
  return isWhole ? traffic : `${traffic}, prefix of ${prefixlen} bits`;
}

function trafficName(bits: number, protocol: number, port: number): string {
  const portBits = bits - PolicyPrefix.PROTOCOL_BITS;
  // A key's bits beyond its prefix mean nothing, but they are not to be there.
  const stray = bits <= 0 && protocol + port > 0 ? ` with stray bits ${protocol}/${port}` : "";
  if (portBits < 0) return `anything${stray}`;
  const size = 2 ** (16 - portBits);
  const first = port - (port % size);
  const beyond = port === first ? "" : ` with stray bits ${port}`;
  if (portBits === 0) return `${protocolName(protocol)}${beyond}`;
  const ports = size === 1 ? String(port) : `${first}-${first + size - 1}`;
  return `${protocolName(protocol)}/${ports}${beyond}`;
}

/** `egress of endpoint 12` */
export function bandwidthKeyName(key: Uint8Array): string {
  const { endpoint, direction } = bandwidthKey.decode(viewOf(key), 0);
  const isEgress = direction === Direction.EGRESS;
  const way =
    isEgress || direction === Direction.INGRESS ? (isEgress ? "egress" : "ingress") : `direction ${direction}`;
  return `${way} of endpoint ${endpoint}`;
}

/** The address of a key of `endpoints`; as it is where it is none. */
export function endpointKeyName(key: Uint8Array): string {
  const family = key[16] as number;
  const isIpv4 = family === AddressFamily.IPV4;
  const hasStray = key.subarray(17).some(Boolean) || (isIpv4 && key.subarray(4, 16).some(Boolean));
  const isKnown = isIpv4 || family === AddressFamily.IPV6;
  return isKnown && !hasStray ? (decodeAddress(family, key) ?? "0.0.0.0") : `key ${hex(key)}`;
}

/** The prefix of a key of `ipcache`; as it is where it is none. */
export function ipcacheKeyName(key: Uint8Array): string {
  const prefix = ipcachePrefix(key);
  return prefix ?? `key ${hex(key)}`;
}

/** Null where no packet's address is looked up so. */
export function ipcachePrefix(key: Uint8Array): string | null {
  const view = viewOf(key);
  const family = view.getUint8(4);
  const bits = view.getUint32(0, true) - IpcachePrefix.IPCACHE_FIXED_BITS;
  const width = family === AddressFamily.IPV4 ? 32 : family === AddressFamily.IPV6 ? 128 : -1;
  if (bits < 0 || bits > width) return null;
  const prefix = decodePrefix(family, key.subarray(8), bits);
  const whole = encodePrefix(prefix);
  const isWhole = key.subarray(5, 8).every((byte) => byte === 0) && hex(whole.bytes) === hex(key.subarray(8, 24));
  return isWhole ? prefix : null;
}

/** Bytes as they are. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
