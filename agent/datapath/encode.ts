import type { Codec } from "libbpf-ts";
import type { EndpointState, IpcacheState, LimitBounds, MapImage, SlotEntry } from "./kernel.ts";
import { addressesOf, bridgeInterface, toEntry, toInterface, toKey as endpointKeyOf } from "./kernel-endpoints.ts";
import { toKey as ipcacheKeyOf } from "./kernel-ipcache.ts";
import { encodeEntry, encodeKey } from "./kernel-slots.ts";
import { toBandwidth, toBandwidthKey } from "./kernel-bandwidths.ts";
import {
  bandwidth,
  bandwidthKey,
  endpointEntry,
  endpointKey,
  interfaceRecord,
  ipcacheEntry,
  ipcacheKey,
  limit,
  limitCounts,
  policyEntry,
  policyKey,
} from "./layouts.gen.ts";

/** Sizes in bytes of keys and values. */
export const mapSizes = {
  endpoints: { key: endpointKey.size, value: endpointEntry.size },
  interfaces: { key: 4, value: interfaceRecord.size },
  ipcache: { key: ipcacheKey.size, value: ipcacheEntry.size },
  bandwidths: { key: bandwidthKey.size, value: bandwidth.size },
  limits: { key: 4, value: limit.size },
  policy: { key: policyKey.size, value: policyEntry.size },
} as const;

/** What the kernel would hold of a slot with these entries, in their order. */
export function slotImage(entries: readonly SlotEntry[]): MapImage {
  return image(policyKey, policyEntry, entries, encodeKey, encodeEntry);
}

/** One record for each address, of endpoint after endpoint: IPv4 first. */
export function endpointsImage(endpoints: readonly EndpointState[]): MapImage {
  const records = endpoints.flatMap((endpoint) => addressesOf(endpoint).map((address) => ({ endpoint, address })));
  return image(
    endpointKey,
    endpointEntry,
    records,
    ({ address }) => endpointKeyOf(address),
    ({ endpoint, address }) => toEntry(endpoint, address),
  );
}

export function interfacesImage(endpoints: readonly EndpointState[]): MapImage {
  const pods = endpoints.filter(({ nodeAddresses }) => nodeAddresses === undefined);
  const bridges = new Set(pods.flatMap(({ chained }) => chained?.bridge ?? []));
  return image(
    number,
    interfaceRecord,
    [
      ...pods.map((pod) => [pod.ifindex, toInterface(pod)] as const),
      ...[...bridges].map((index) => [index, bridgeInterface] as const),
    ],
    ([index]) => index,
    ([, record]) => record,
  );
}

/** The limits of endpoint after endpoint, egress first; nothing has passed yet. */
export function bandwidthsImage(endpoints: readonly Pick<EndpointState, "id" | "bandwidth">[]): MapImage {
  const limits = endpoints.flatMap(({ id, bandwidth: limited }) =>
    (["egress", "ingress"] as const).flatMap((way) => (limited?.[way] ? [{ id, way, limit: limited[way] }] : [])),
  );
  return image(
    bandwidthKey,
    bandwidth,
    limits,
    ({ id, way }) => toBandwidthKey(id, way),
    ({ limit: one }) => toBandwidth(one),
  );
}

/** By rule reference; nothing has passed yet. */
export function limitsImage(limits: ReadonlyMap<number, LimitBounds>): MapImage {
  return image(
    number,
    limit,
    [...limits],
    ([reference]) => reference,
    ([, bounds]) => ({ open: 0, slot: 0n, counts: { bytes: new Uint8Array(limitCounts.size) }, ...bounds }),
  );
}

export function ipcacheImage(entries: readonly IpcacheState[]): MapImage {
  return image(
    ipcacheKey,
    ipcacheEntry,
    entries,
    ({ prefix }) => ipcacheKeyOf(prefix),
    (entry) => entry,
  );
}

const number: Codec<number> = {
  size: 4,
  encode: (value, view, at) => view.setUint32(at, value, true),
  decode: (view, at) => view.getUint32(at, true),
};

function image<T, K, V>(
  key: Codec<K>,
  value: Codec<V>,
  items: readonly T[],
  toKey: (item: T) => K,
  toValue: (item: T) => V,
): MapImage {
  const keys = new Uint8Array(key.size * items.length);
  const values = new Uint8Array(value.size * items.length);
  const keyView = new DataView(keys.buffer);
  const valueView = new DataView(values.buffer);
  for (const [i, item] of items.entries()) {
    key.encode(toKey(item), keyView, i * key.size);
    value.encode(toValue(item), valueView, i * value.size);
  }
  return { keys, values, count: items.length };
}
