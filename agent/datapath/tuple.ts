import { encodeAddress } from "./address.ts";
import {
  conntrack4Key,
  conntrack6Key,
  type NatSide as NatSideNumber,
  nat4Key,
  nat6Key,
  ConnectionLeg,
} from "./layouts.gen.ts";

/** A packet's addresses and ports, in host order; of an ICMP echo the identifier is both ports. */
export interface Tuple {
  readonly family: 4 | 6;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** IP protocol number. */
  readonly protocol: number;
}

/** An entry's place: in which map, under which key. */
export interface MapKey {
  readonly map: string;
  readonly key: Uint8Array;
}

const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;

export function isIcmp(protocol: number): boolean {
  return protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6;
}

export function reverse({ source, destination, sourcePort, destinationPort, ...rest }: Tuple): Tuple {
  return {
    ...rest,
    source: destination,
    destination: source,
    sourcePort: destinationPort,
    destinationPort: sourcePort,
  };
}

/** Whether (source, source port) is the higher of the two pairs, as `source_is_high` of `bpf/lib/conntrack.h`. */
export function sourceIsHigh({ source, destination, sourcePort, destinationPort }: Tuple): boolean {
  const order = Buffer.compare(encodeAddress(source).bytes, encodeAddress(destination).bytes);
  return order === 0 ? sourcePort > destinationPort : order > 0;
}

/** Where the connection of a packet stands. */
export function connectionKey(tuple: Tuple): MapKey {
  const lowFirst = sourceIsHigh(tuple) ? reverse(tuple) : tuple;
  const { family, source, destination, sourcePort: lowPort, destinationPort: highPort, protocol } = lowFirst;
  const ends = { lowPort, highPort, protocol, leg: ConnectionLeg.LEG_DIRECT };
  const [low, high] = [encodeAddress(source).bytes, encodeAddress(destination).bytes];
  return family === 4
    ? {
        map: "conntrack4",
        key: encoded(conntrack4Key, { ...ends, lowAddress: number(low), highAddress: number(high) }),
      }
    : {
        map: "conntrack6",
        key: encoded(conntrack6Key, { ...ends, lowAddress: { bytes: low }, highAddress: { bytes: high } }),
      };
}

/** Where half a mapping stands. @param own its own end, as this half has it, is the source. */
export function mappingKey(own: Tuple, side: NatSideNumber): MapKey {
  const { family, source, destination, sourcePort: ownPort, protocol } = own;
  const ends = { ownPort, remotePort: isIcmp(protocol) ? 0 : own.destinationPort, protocol, side };
  const [near, remote] = [encodeAddress(source).bytes, encodeAddress(destination).bytes];
  return family === 4
    ? { map: "nat4", key: encoded(nat4Key, { ...ends, own: number(near), remote: number(remote) }) }
    : { map: "nat6", key: encoded(nat6Key, { ...ends, own: { bytes: near }, remote: { bytes: remote } }) };
}

function number(address: Uint8Array): number {
  return new DataView(address.buffer, address.byteOffset).getUint32(0);
}

function encoded<T>(codec: { size: number; encode(value: T, view: DataView, at: number): void }, value: T): Uint8Array {
  const bytes = new Uint8Array(codec.size);
  codec.encode(value, new DataView(bytes.buffer), 0);
  return bytes;
}
