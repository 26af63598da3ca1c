import { setImmediate } from "node:timers/promises";
import { BpfMap, type MapHandle } from "libbpf-ts";
import { AddressRemoval } from "./address-removal.ts";
import { decodeAddress, decodeIpv4 } from "./address.ts";
import type { Connection, ConnectionTable, SweptConnections } from "./kernel.ts";
import {
  ConnectionFlag,
  conntrack4Key,
  type Conntrack4Key,
  conntrack6Key,
  type Conntrack6Key,
  conntrackEntry,
  type ConntrackEntry,
} from "./layouts.gen.ts";

/** Entries that are looked at between two rests: about 5 ms. */
const stretch = 2048;

const IPPROTO_TCP = 6;

/** Flags of a connection that is over. */
const closed = ConnectionFlag.SOURCE_CLOSING | ConnectionFlag.DESTINATION_CLOSING;

interface Table {
  connections(): Generator<{ connection: Connection; remove: () => void }>;
}

function table<K extends Conntrack4Key | Conntrack6Key>(
  family: 4 | 6,
  map: BpfMap<K, ConntrackEntry>,
  ends: (key: K) => readonly [string, string],
): Table {
  return {
    *connections() {
      for (const [key, entry] of map.entries()) {
        const [low, high] = ends(key);
        const sourceIsHigh = (entry.flags & ConnectionFlag.SOURCE_IS_HIGH) !== 0;
        const connection: Connection = {
          family,
          source: sourceIsHigh ? high : low,
          destination: sourceIsHigh ? low : high,
          sourcePort: sourceIsHigh ? key.highPort : key.lowPort,
          destinationPort: sourceIsHigh ? key.lowPort : key.highPort,
          protocol: key.protocol,
          entry,
        };
        yield { connection, remove: () => map.delete(key) };
      }
    },
  };
}

/** The maps `conntrack4` and `conntrack6`. */
export class KernelConnections implements ConnectionTable {
  readonly #tables: readonly Table[];
  readonly #removal = new AddressRemoval(async (gone) => {
    return this.removeWhere(({ source, destination }) => gone.has(source) || gone.has(destination));
  });

  constructor(conntrack4: MapHandle, conntrack6: MapHandle) {
    const ipv6 = (bytes: Uint8Array): string => decodeAddress(2, bytes) ?? "::";
    this.#tables = [
      table(4, new BpfMap(conntrack4, conntrack4Key, conntrackEntry), (key) => [
        decodeIpv4(key.lowAddress),
        decodeIpv4(key.highAddress),
      ]),
      table(6, new BpfMap(conntrack6, conntrack6Key, conntrackEntry), (key) => [
        ipv6(key.lowAddress.bytes),
        ipv6(key.highAddress.bytes),
      ]),
    ];
  }

  async *all(): AsyncGenerator<Connection[]> {
    let some: Connection[] = [];
    for (const { connection } of this.#all()) {
      some.push(connection);
      if (some.length < stretch) continue;
      yield some;
      some = [];
      await setImmediate();
    }
    yield some;
  }

  async *unjudged(generation: bigint): AsyncGenerator<Connection> {
    let seen = 0;
    for (const { connection } of this.#all()) {
      if (++seen % stretch === 0) await setImmediate();
      const { protocol, entry } = connection;
      const isOpen = protocol === IPPROTO_TCP && (entry.flags & ConnectionFlag.ESTABLISHED) !== 0;
      if (isOpen && (entry.flags & closed) !== closed && entry.revision >> 32n !== (generation & 0xffff_ffffn))
        yield connection;
    }
  }

  async sweep(now: bigint, ended?: (connection: Connection) => void): Promise<SweptConnections> {
    const limited = new Map<number, number>();
    const { seen, removed } = await this.#removeWhere((connection) => {
      const { entry } = connection;
      if (entry.expires < now) {
        ended?.(connection);
        return true;
      }
      for (const [end, { limit }] of entry.end.entries()) {
        if (limit !== 0 && entry.hasPlace[end] !== 0) limited.set(limit, (limited.get(limit) ?? 0) + 1);
      }
      return false;
    });
    return { live: seen - removed, removed, limited };
  }

  removeAddresses(addresses: readonly string[]): Promise<number> {
    return this.#removal.remove(addresses);
  }

  async removeWhere(isGone: (connection: Connection) => boolean): Promise<number> {
    return (await this.#removeWhere(isGone)).removed;
  }

  async #removeWhere(isGone: (connection: Connection) => boolean): Promise<{ seen: number; removed: number }> {
    let seen = 0;
    let removed = 0;
    for (const { connection, remove } of this.#all()) {
      if (++seen % stretch === 0) await setImmediate();
      if (!isGone(connection)) continue;
      remove();
      removed++;
    }
    return { seen, removed };
  }

  *#all(): Generator<{ connection: Connection; remove: () => void }> {
    for (const one of this.#tables) yield* one.connections();
  }
}
