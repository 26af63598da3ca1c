import { decodeIpv4, decodeIpv6, decodePacket } from "./decode-packet.ts";

type Decoded = NonNullable<ReturnType<typeof decodeIpv4>>;

const checksumPlace: Readonly<Record<number, number>> = { 1: 2, 6: 16, 17: 6, 58: 2 };
const isIpv6 = (decoded: Decoded): boolean => decoded.source.length === 32;

function internetChecksum(...parts: readonly Uint8Array[]): number {
  const bytes = Buffer.concat(parts);
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] as number) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** Over a transport header and what follows; 0 when the one that stands there is right. */
function transportChecksum(decoded: Decoded): number {
  const { protocol, payload, source, destination } = decoded;
  if (protocol === 1) return internetChecksum(payload);
  const pseudo = Buffer.from(`${source}${destination}`, "hex");
  const length = Buffer.alloc(4);
  length.writeUInt32BE(payload.length);
  return internetChecksum(pseudo, length, Uint8Array.of(0, protocol), payload);
}

function put(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value & 255;
}

/** Puts the checksum into a whole IP packet's transport header; one of UDP that is 0 becomes 0xffff. */
function fill(decoded: Decoded): void {
  const place = checksumPlace[decoded.protocol];
  if (place === undefined || decoded.fragmentOffset > 0) return;
  put(decoded.payload, place, 0);
  put(decoded.payload, place, transportChecksum(decoded) || (decoded.protocol === 17 ? 0xffff : 0));
}

/** Fills the transport checksum of an IP packet without Ethernet header, in place. */
export function fillIpChecksum(packet: Uint8Array): Uint8Array {
  const decoded = (packet[0] as number) >> 4 === 4 ? decodeIpv4(packet) : decodeIpv6(packet);
  if (decoded) fill(decoded);
  return packet;
}

/** Fills the transport checksum of a frame, in place. */
export function fillChecksum(frame: Uint8Array): Uint8Array {
  fillIpChecksum(frame.subarray(14));
  return frame;
}

/** Which checksums of a frame are wrong, those inside an ICMP error's quote included. That of a fragment is left out. */
export function wrongChecksums(frame: Uint8Array): string[] {
  const decoded = decodePacket(frame);
  if (!decoded) return ["no packet"];
  const wrong = [...wrongHeader(frame.subarray(14)), ...wrongTransport(decoded)];
  const { protocol, payload } = decoded;
  const type = payload[0] ?? 0;
  if (!((protocol === 1 && [3, 11, 12].includes(type)) || (protocol === 58 && type < 128))) return wrong;
  const inner = payload.subarray(8);
  const quoted = protocol === 1 ? decodeIpv4(inner, true) : decodeIpv6(inner, true);
  if (!quoted) return [...wrong, "no quoted packet"];
  return [...wrong, ...[...wrongHeader(inner), ...wrongTransport(quoted)].map((what) => `quoted ${what}`)];
}

function wrongHeader(packet: Uint8Array): string[] {
  if ((packet[0] as number) >> 4 !== 4) return [];
  return internetChecksum(packet.subarray(0, ((packet[0] as number) & 15) * 4)) === 0 ? [] : ["IPv4 header"];
}

function wrongTransport(decoded: Decoded): string[] {
  const place = checksumPlace[decoded.protocol];
  if (place === undefined || decoded.datagram !== null) return [];
  const { payload, protocol } = decoded;
  const isZero = payload[place] === 0 && payload[place + 1] === 0;
  if (protocol === 17 && isZero && !isIpv6(decoded)) return [];
  return transportChecksum(decoded) === 0 ? [] : [`transport of protocol ${protocol}`];
}
