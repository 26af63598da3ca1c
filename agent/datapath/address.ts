import { type Address, formatAddress, formatCidr, parseAddress, parseCidr } from "#policy/model/cidr.ts";

/** Numbers of `enum address_family` in `bpf/lib/shared/address.h`. */
const familyNumber = { 4: 1, 6: 2 } as const;

/** An address as the maps have it: 16 bytes, network order, an IPv4 address in the first four. */
export interface MapAddress {
  readonly family: number;
  readonly bytes: Uint8Array;
}

function toBytes({ family, value }: Address): Uint8Array {
  const bytes = new Uint8Array(16);
  const size = family === 4 ? 4 : 16;
  for (let i = size - 1, rest = value; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return bytes;
}

/** @throws Error when the text is no address: a bug, since addresses are parsed at the edge. */
export function encodeAddress(text: string): MapAddress {
  const address = parseAddress(text);
  if (address === null) throw new Error(`encode address: ${text} is none`);
  return { family: familyNumber[address.family], bytes: toBytes(address) };
}

/** The canonical text; null for the address that is all zero. */
export function decodeAddress(family: number, bytes: Uint8Array): string | null {
  const isIpv6 = family === familyNumber[6];
  let value = 0n;
  for (const byte of bytes.subarray(0, isIpv6 ? 16 : 4)) value = (value << 8n) | BigInt(byte);
  return value === 0n ? null : formatAddress({ family: isIpv6 ? 6 : 4, value });
}

/** An IPv4 address as a number in host order, as the codecs give `__be32`. */
export function decodeIpv4(value: number): string {
  return formatAddress({ family: 4, value: BigInt(value >>> 0) });
}

/** A prefix as the ipcache has it. */
export interface MapPrefix extends MapAddress {
  readonly bits: number;
}

export function encodePrefix(text: string): MapPrefix {
  const cidr = parseCidr(text);
  if (cidr === null) throw new Error(`encode prefix: ${text} is none`);
  return {
    family: familyNumber[cidr.family],
    bytes: toBytes({ family: cidr.family, value: cidr.address }),
    bits: cidr.bits,
  };
}

export function decodePrefix(family: number, bytes: Uint8Array, bits: number): string {
  const isIpv6 = family === familyNumber[6];
  let address = 0n;
  for (const byte of bytes.subarray(0, isIpv6 ? 16 : 4)) address = (address << 8n) | BigInt(byte);
  return formatCidr({ family: isIpv6 ? 6 : 4, address, bits });
}

export function encodeMac(text: string): Uint8Array {
  return Uint8Array.from(text.split(":"), (part) => Number.parseInt(part, 16));
}

export function decodeMac(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/**
 * The bucket of epochs that an address belongs to: the same function as `epoch_bucket`
 * in `bpf/lib/control.h`.
 */
export function epochBucket(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  const folded = view.getUint32(0) ^ view.getUint32(4) ^ view.getUint32(8) ^ view.getUint32(12);
  return Math.imul(folded, 0x9e3779b1) >>> 22;
}
