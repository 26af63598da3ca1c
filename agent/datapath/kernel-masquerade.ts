import { BpfMap, type MapHandle, u32 } from "libbpf-ts";
import { decodePrefix, encodeAddress } from "./address.ts";
import { toKey } from "./kernel-ipcache.ts";
import type { MasqueradeAddresses, MasqueradeFlags, MasqueradeTable } from "./kernel.ts";
import {
  ipcacheKey,
  type IpcacheKey,
  IpcachePrefix,
  masqueradeDevice,
  type MasqueradeDevice,
  MasqueradeRange,
} from "./layouts.gen.ts";

/** The maps `masquerade_ranges` and `masquerade_devices`. */
export class KernelMasquerade implements MasqueradeTable {
  readonly #ranges: BpfMap<IpcacheKey, number>;
  readonly #devices: BpfMap<number, MasqueradeDevice>;

  constructor(ranges: MapHandle, devices: MapHandle) {
    this.#ranges = new BpfMap(ranges, ipcacheKey, u32);
    this.#devices = new BpfMap(devices, u32, masqueradeDevice);
  }

  ranges(): Map<string, MasqueradeFlags> {
    return new Map(
      [...this.#ranges.entries()].map(([key, bits]) => {
        const length = key.prefixlen - IpcachePrefix.IPCACHE_FIXED_BITS;
        return [decodePrefix(key.family, key.address.bytes, length), decodeFlags(bits)];
      }),
    );
  }

  writeRanges(ranges: ReadonlyMap<string, MasqueradeFlags>): void {
    this.#ranges.setMany([...ranges].map(([prefix, flags]) => [toKey(prefix), encodeFlags(flags)]));
  }

  removeRanges(prefixes: readonly string[]): void {
    this.#ranges.deleteMany(prefixes.map(toKey));
  }

  setDevices(devices: ReadonlyMap<number, MasqueradeAddresses>): void {
    for (const [index, { ipv4, ipv6 }] of devices) this.#devices.set(index, { ipv4: encode(ipv4), ipv6: encode(ipv6) });
    // Of a copy: removing entries while they are walked leaves some out.
    const there = [...this.#devices.entries()].map(([index]) => index);
    for (const index of there) if (!devices.has(index)) this.#devices.delete(index);
  }
}

function encode(address: string | null): MasqueradeDevice["ipv4"] {
  return { bytes: address === null ? new Uint8Array(16) : encodeAddress(address).bytes };
}

function encodeFlags({ excluded, pods, node }: MasqueradeFlags): number {
  const { EXCLUDED, POD, NODE } = MasqueradeRange;
  return (excluded ? EXCLUDED : 0) | (pods ? POD : 0) | (node ? NODE : 0);
}

function decodeFlags(bits: number): MasqueradeFlags {
  const { EXCLUDED, POD, NODE } = MasqueradeRange;
  return { excluded: (bits & EXCLUDED) !== 0, pods: (bits & POD) !== 0, node: (bits & NODE) !== 0 };
}
