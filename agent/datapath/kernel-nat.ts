import { setImmediate } from "node:timers/promises";
import { BpfMap, type MapHandle, PerCpuMap, u32, u64 } from "libbpf-ts";
import { AddressRemoval } from "./address-removal.ts";
import { decodeAddress, decodeIpv4 } from "./address.ts";
import type { NatCounts, NatMapping, NatTable } from "./kernel.ts";
import {
  nat4Key,
  type Nat4Key,
  nat6Key,
  type Nat6Key,
  NatCounter,
  natEntry,
  type NatEntry,
  NatSide,
} from "./layouts.gen.ts";

/** Entries that are looked at between two rests: about 5 ms. */
const stretch = 2048;

/** One of the two halves of a mapping. */
interface Half {
  readonly side: number;
  readonly mapping: NatMapping;
  readonly remove: () => void;
}

function* halves<K extends Nat4Key | Nat6Key>(
  family: 4 | 6,
  map: BpfMap<K, NatEntry>,
  ends: (key: K) => readonly [string, string],
): Generator<Half> {
  for (const [key, entry] of map.entries()) {
    const [own, remote] = ends(key);
    const there = decodeAddress(family === 4 ? 1 : 2, entry.address.bytes) ?? "";
    const isOut = key.side === NatSide.OUT;
    const mapping: NatMapping = {
      family,
      protocol: key.protocol,
      owner: isOut ? own : there,
      ownerPort: isOut ? key.ownPort : entry.port,
      address: isOut ? there : own,
      port: isOut ? entry.port : key.ownPort,
      remote,
      remotePort: key.remotePort,
      entry,
    };
    yield { side: key.side, mapping, remove: () => map.delete(key) };
  }
}

/** The maps `nat4`, `nat6` and `nat_counters`. */
export class KernelNat implements NatTable {
  readonly #halves: () => Generator<Half>;
  readonly #counters: PerCpuMap<number, bigint>;
  readonly #removal = new AddressRemoval((gone) => {
    return this.removeWhere(({ owner, address }) => gone.has(owner) || gone.has(address));
  });

  constructor(nat4: MapHandle, nat6: MapHandle, counters: MapHandle) {
    const ipv4 = new BpfMap(nat4, nat4Key, natEntry);
    const ipv6 = new BpfMap(nat6, nat6Key, natEntry);
    const text = (bytes: Uint8Array): string => decodeAddress(2, bytes) ?? "::";
    this.#halves = function* () {
      yield* halves(4, ipv4, ({ own, remote }) => [decodeIpv4(own), decodeIpv4(remote)]);
      yield* halves(6, ipv6, ({ own, remote }) => [text(own.bytes), text(remote.bytes)]);
    };
    this.#counters = new PerCpuMap(counters, u32, u64);
  }

  async *all(): AsyncGenerator<NatMapping[]> {
    let some: NatMapping[] = [];
    let seen = 0;
    for (const { side, mapping } of this.#halves()) {
      if (side === NatSide.IN) some.push(mapping);
      if (++seen % stretch !== 0) continue;
      yield some;
      some = [];
      await setImmediate();
    }
    yield some;
  }

  sweep(now: bigint): Promise<number> {
    return this.removeWhere(({ entry }) => entry.expires < now);
  }

  removeAddresses(addresses: readonly string[]): Promise<number> {
    return this.#removal.remove(addresses);
  }

  counts(): NatCounts {
    const total = (counter: number): number =>
      Number((this.#counters.get(counter) ?? []).reduce((sum, value) => sum + value, 0n));
    return {
      allocated: total(NatCounter.ALLOCATED),
      retries: total(NatCounter.RETRIES),
      exhausted: total(NatCounter.EXHAUSTED),
    };
  }

  async removeWhere(isGone: (mapping: NatMapping) => boolean): Promise<number> {
    let seen = 0;
    let removed = 0;
    for (const { mapping, remove } of this.#halves()) {
      if (++seen % stretch === 0) await setImmediate();
      if (!isGone(mapping)) continue;
      remove();
      removed++;
    }
    return removed;
  }
}
