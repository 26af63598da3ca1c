/**
 * Reads a frame as the receiver's stack would, slowly and step by step: what the datapath's parser is compared
 * with. Shares nothing with it.
 */

export interface DecodedPacket {
  readonly destinationMac: string;
  readonly sourceMac: string;
  /** Addresses in hex. */
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  /** The datagram that a fragment is of: family, addresses and identification; null: it is whole. */
  readonly datagram: string | null;
  /** Of a fragment, in bytes; 0: the first. */
  readonly fragmentOffset: number;
  /** Behind all headers of IP. */
  readonly payload: Uint8Array;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const extensions = new Set([0, 43, 51, 60]);

/** Null: a receiver would throw it away, or it is not IP. */
export function decodePacket(frame: Uint8Array): DecodedPacket | null {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 34) return null;
  const ethernet = { destinationMac: hex(frame.subarray(0, 6)), sourceMac: hex(frame.subarray(6, 12)) };
  const type = view.getUint16(12);
  if (type === 0x0800) {
    const inner = decodeIpv4(frame.subarray(14));
    return inner && { ...ethernet, ...inner };
  }
  if (type === 0x86dd) {
    const inner = decodeIpv6(frame.subarray(14));
    return inner && { ...ethernet, ...inner };
  }
  return null;
}

type IpPacket = Omit<DecodedPacket, "destinationMac" | "sourceMac">;

/** Of the bytes behind the Ethernet header, or of those that an ICMP error quotes, which may be cut short. */
export function decodeIpv4(packet: Uint8Array, isQuoted = false): IpPacket | null {
  if (packet.length < 20) return null;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const header = ((packet[0] as number) & 15) * 4;
  const total = isQuoted ? packet.length : view.getUint16(2);
  if ((packet[0] as number) >> 4 !== 4 || header < 20 || total < header || total > packet.length) return null;
  const fragment = view.getUint16(6);
  const source = hex(packet.subarray(12, 16));
  const destination = hex(packet.subarray(16, 20));
  const isFragment = (fragment & 0x3fff) !== 0;
  return {
    source,
    destination,
    protocol: packet[9] as number,
    datagram: isFragment ? `4 ${source} ${destination} ${packet[9]} ${view.getUint16(4)}` : null,
    fragmentOffset: (fragment & 0x1fff) * 8,
    payload: packet.subarray(header, total),
  };
}

export function decodeIpv6(packet: Uint8Array, isQuoted = false): IpPacket | null {
  if (packet.length < 40 || (packet[0] as number) >> 4 !== 6) return null;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const end = isQuoted ? packet.length : 40 + view.getUint16(4);
  if (end > packet.length) return null;
  const source = hex(packet.subarray(8, 24));
  const destination = hex(packet.subarray(24, 40));
  let [protocol, at] = [packet[6] as number, 40];
  let datagram: string | null = null;
  let fragmentOffset = 0;
  while (fragmentOffset === 0) {
    if (protocol === 44) {
      if (at + 8 > end) return null;
      const word = view.getUint16(at + 2);
      protocol = packet[at] as number;
      fragmentOffset = word & 0xfff8;
      if (word & 0xfff9) datagram = `6 ${source} ${destination} ${view.getUint32(at + 4)}`;
      at += 8;
    } else if (extensions.has(protocol)) {
      if (at + 8 > end) return null;
      const length = packet[at + 1] as number;
      const size = protocol === 51 ? (length + 2) * 4 : (length + 1) * 8;
      protocol = packet[at] as number;
      at += size;
    } else {
      break;
    }
  }
  return { source, destination, protocol, datagram, fragmentOffset, payload: packet.subarray(Math.min(at, end), end) };
}
