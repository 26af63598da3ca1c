import { encodeAddress } from "#agent/datapath/address.ts";
import { buildPacket, type PacketSpec, transportChecksum } from "./packet.ts";

export interface DatagramSpec {
  readonly sourceMac: string;
  readonly destinationMac: string;
  readonly source: string;
  readonly destination: string;
  readonly sport: number;
  readonly dport: number;
  readonly payload: Uint8Array;
  /** Identification, of 16 bits. */
  readonly id: number;
  /** Bytes of the datagram in each fragment but the last; a multiple of 8. */
  readonly piece: number;
}

/** The fragments of a UDP datagram, in their order, with a right checksum: RFC 791, RFC 8200 section 4.5. */
export function udpFragments({ sport, dport, payload, id, piece, ...link }: DatagramSpec): Uint8Array[] {
  const size = 8 + payload.length;
  const head = Uint8Array.of(...[sport, dport, size, 0].flatMap((value) => [value >> 8, value & 255]));
  const datagram = new Uint8Array(Buffer.concat([head, payload]));
  const [source, destination] = [link.source, link.destination].map((address) => encodeAddress(address).bytes);
  const sum = transportChecksum(source as Uint8Array, destination as Uint8Array, 17, datagram);
  datagram.set([sum >> 8, sum & 255], 6);

  const offsets = Array.from({ length: Math.ceil(size / piece) }, (_, i) => i * piece);
  return offsets.map((at) => {
    const more = at + piece < size;
    const transport = { kind: "raw", protocol: 17, payload: datagram.slice(at, at + piece) } as const;
    return buildPacket({ ...link, transport, ...fragmentFields(link.source.includes(":"), at, more, id) });
  });
}

/** What tells a fragment at an offset (bytes) of a datagram. */
export function fragmentFields(
  isIpv6: boolean,
  offset: number,
  more: boolean,
  id: number,
): Pick<PacketSpec, "fragment" | "id" | "extensions"> {
  if (!isIpv6) return { id, fragment: (more ? 0x2000 : 0) | (offset / 8) };
  return { extensions: [[44, Uint8Array.of(offset >> 8, (offset & 0xf8) | Number(more), 0, 0, id >> 8, id & 255)]] };
}
