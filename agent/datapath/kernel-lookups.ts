import { BpfMap, bytes, type Codec, copyEntries, type MapHandle, MapOfMaps, u32, u64 } from "libbpf-ts";
import { decodePrefix, encodeAddress, epochBucket } from "./address.ts";
import { longestMatch } from "./longest-match.ts";
import {
  conntrackEntry,
  type ConntrackEntry,
  ControlWord,
  endpointEntry,
  type EndpointEntry,
  endpointKey,
  type Direction,
  interfaceRecord,
  type InterfaceRecord,
  ipcacheEntry,
  ipcacheKey,
  IpcachePrefix,
  limit,
  type Limit,
  policyEntry,
  type PolicyEntry,
  policyKey,
  type PolicyKey,
  PolicyPrefix,
  ReservedIdentity,
} from "./layouts.gen.ts";
import { connectionKey, type MapKey, type Tuple } from "./tuple.ts";

/** What an end's policy is asked: as `struct policy_query`. */
export interface PolicyQuestion {
  readonly slot: number;
  readonly direction: Direction;
  readonly identity: number;
  readonly addressClass: number;
  /** IP protocol number. */
  readonly protocol: number;
  /** Destination port; ICMP: the type. */
  readonly port: number;
}

export interface PolicyFound {
  readonly key: PolicyKey;
  readonly entry: PolicyEntry;
}

/** Who is behind an address. `prefix` null: no entry covers it, and it is the world. */
export interface IpcacheFound {
  readonly prefix: string | null;
  readonly identity: number;
  readonly addressClass: number;
}

/** The look-ups that programs make of a packet, in the maps as they are, with the entries that they find. */
export interface Lookups {
  interface(ifindex: number): InterfaceRecord | undefined;
  endpoint(address: string): EndpointEntry | undefined;
  ipcache(address: string): IpcacheFound;
  /** By the peer's identity, its address class, and anybody; undefined: the slot has no map. */
  policy(question: PolicyQuestion): readonly (PolicyFound | null)[] | undefined;
  connection(tuple: Tuple): ConntrackEntry | undefined;
  limit(reference: number): Limit | undefined;
  generation(): bigint;
  /** Under which a packet's verdict would be kept now: `revision_of` in `bpf/lib/control.h`. */
  revision(tuple: Tuple): bigint;
}

/** @param map opens a map by its name; the handle stays the caller's. */
export function kernelLookups(map: (name: string) => MapHandle): Lookups {
  const interfaces = new BpfMap(map("interfaces"), u32, interfaceRecord);
  const endpoints = new BpfMap(map("endpoints"), endpointKey, endpointEntry);
  const limits = new BpfMap(map("limits"), u32, limit);
  const control = new BpfMap(map("control"), u32, u64);
  const slots = new MapOfMaps(map("policy"), u32);
  const word = (index: number): bigint => control.get(index) ?? 0n;
  return {
    interface: (ifindex) => interfaces.get(ifindex),
    endpoint: (address) => {
      const { family, bytes: raw } = encodeAddress(address);
      return endpoints.get({ family, address: { bytes: raw } });
    },
    ipcache: (address) => ipcacheLookup(map("ipcache"), address),
    policy: (question) => {
      using inner = slots.get(question.slot);
      return inner && policyLookups(inner, question);
    },
    connection: (tuple) => lookup(map, connectionKey(tuple), conntrackEntry),
    limit: (reference) => limits.get(reference),
    generation: () => word(ControlWord.GENERATION),
    revision: ({ source, destination }) => {
      const buckets = [source, destination].map((address) => epochBucket(encodeAddress(address).bytes));
      const epochs = buckets.reduce((sum, bucket) => sum + word(ControlWord.BUCKETS + bucket), word(ControlWord.EPOCH));
      return ((word(ControlWord.GENERATION) << 32n) & 0xffff_ffff_ffff_ffffn) | (epochs & 0xffff_ffffn);
    },
  };
}

/** One entry as the codec reads it. */
export function lookup<V>(map: (name: string) => MapHandle, at: MapKey, value: Codec<V>): V | undefined {
  return new BpfMap(map(at.map), bytes(at.key.length), value).get(at.key);
}

function ipcacheLookup(handle: MapHandle, address: string): IpcacheFound {
  const { family, bytes: raw } = encodeAddress(address);
  const bits = IpcachePrefix.IPCACHE_FIXED_BITS + (address.includes(":") ? 128 : 32);
  const image = copyEntries(handle);
  const place = longestMatch(image, encode(ipcacheKey, { prefixlen: bits, family, address: { bytes: raw } }));
  // As ipcache_lookup in bpf/lib/ipcache.h.
  if (place === undefined) return { prefix: null, identity: ReservedIdentity.WORLD, addressClass: 0 };
  const key = ipcacheKey.decode(viewOf(image.keys), place * ipcacheKey.size);
  return {
    prefix: decodePrefix(family, key.address.bytes, key.prefixlen - IpcachePrefix.IPCACHE_FIXED_BITS),
    ...ipcacheEntry.decode(viewOf(image.values), place * ipcacheEntry.size),
  };
}

function policyLookups(inner: MapHandle, question: PolicyQuestion): (PolicyFound | null)[] {
  const { direction, protocol, port, identity, addressClass } = question;
  const image = copyEntries(inner);
  return [identity, addressClass, 0].map((peer, lookupNumber) => {
    if (peer === 0 && lookupNumber < 2) return null;
    const wanted = { prefixlen: PolicyPrefix.FULL_BITS, peer, direction, protocol, port };
    const place = longestMatch(image, encode(policyKey, wanted));
    if (place === undefined) return null;
    return {
      key: policyKey.decode(viewOf(image.keys), place * policyKey.size),
      entry: policyEntry.decode(viewOf(image.values), place * policyEntry.size),
    };
  });
}

function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const raw = new Uint8Array(codec.size);
  codec.encode(value, viewOf(raw), 0);
  return raw;
}

function viewOf(raw: Uint8Array): DataView {
  return new DataView(raw.buffer, raw.byteOffset, raw.length);
}
