import { readFileSync } from "node:fs";
import { copyEntries, countEntries, MapHandle, MapType, mapTypeName, unreadBytes } from "libbpf-ts";
import type { PinnedMaps } from "./pinned-maps.ts";

/** A pinned map. */
export interface MapView {
  readonly name: string;
  /** `hash`, `lpm-trie`, ... */
  readonly type: string;
  /** The kernel's number of it, as `bpftool map` shows it. */
  readonly id: number;
  /** Bytes. */
  readonly keySize: number;
  readonly valueSize: number;
  /** Null: the map is a ring buffer, which has none. */
  readonly entries: number | null;
  /** Entries that fit; of a ring buffer, its bytes. */
  readonly capacity: number;
  /** Bytes of a ring buffer that wait for their reader; null: it is none. */
  readonly unread: number | null;
  /** Bytes of the kernel's memory, with those of inner maps; null where the kernel does not say. */
  readonly memory: number | null;
}

/** All of them, by name. */
export async function listMaps(maps: PinnedMaps): Promise<MapView[]> {
  const views: MapView[] = [];
  for (const name of maps.names) {
    const map = maps.map(name);
    const { type, id, keySize, valueSize, maxEntries } = map.info;
    const isRing = type === MapType.RINGBUF;
    views.push({
      name,
      type: mapTypeName(type).toLowerCase().replaceAll("_", "-"),
      id,
      keySize,
      valueSize,
      entries: isRing ? null : await countEntries(map),
      capacity: maxEntries,
      unread: isRing ? unreadBytes(map) : null,
      memory: memoryOf(map),
    });
  }
  return views;
}

function memoryOf(map: MapHandle): number | null {
  const said = /^memlock:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${map.fd}`, "utf8"))?.[1];
  if (said === undefined) return null;
  return Number(said) + innerMemory(map);
}

function innerMemory(map: MapHandle): number {
  if (map.info.type !== MapType.HASH_OF_MAPS && map.info.type !== MapType.ARRAY_OF_MAPS) return 0;
  const { values } = copyEntries(map);
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
  let total = 0;
  for (let at = 0; at < values.byteLength; at += 4) {
    using inner = MapHandle.openById(view.getUint32(at, true));
    total += memoryOf(inner) ?? 0;
  }
  return total;
}
