import { setTimeout as delay } from "node:timers/promises";
import type { BtfValue } from "libbpf-ts";
import type { MapEntry, MapReader, RawEntry } from "./map-reader.ts";
import { entryText, leaves, payloadOf, placeText } from "./map-text.ts";

/** An entry that came, went, or holds something else now. */
export interface MapChange extends MapEntry {
  readonly change: "added" | "changed" | "removed";
  /** What it held; of a changed one. */
  readonly before?: BtfValue;
}

/** `+`, `~` or `-`, the entry, and of a changed one only what differs. */
export function changeText(change: MapChange): string {
  const { before } = change;
  if (before === undefined) return `${change.change === "added" ? "+" : "-"} ${entryText(change)}`;
  const old = new Map(leaves(before));
  const different = leaves(payloadOf(change))
    .filter(([path, text]) => old.get(path) !== text)
    .map(([path, text]) => `${path === "" ? "" : `${path}: `}${old.get(path) ?? "-"} -> ${text}`);
  return `~ ${placeText(change)} -> ${different.join(", ")}`;
}

/**
 * What changes in some maps, as looks at them tell, until the signal. Keeps a copy of all entries in memory.
 *
 * @param interval milliseconds between two looks.
 */
export async function* watchMaps(
  readers: readonly MapReader[],
  interval: number,
  signal: AbortSignal,
): AsyncGenerator<MapChange> {
  const copies = readers.map((reader) => new Copy(reader));
  while (!signal.aborted) {
    await delay(interval, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    for (const copy of copies) yield* copy.look();
  }
}

/** What a map held at the last look, as bytes. */
class Copy {
  readonly #reader: MapReader;
  #entries = new Map<string, KeptEntry>();

  constructor(reader: MapReader) {
    this.#reader = reader;
    for (const entry of reader.raw()) this.#entries.set(placeOf(entry), keep(entry));
  }

  /** What has changed since the last look. */
  *look(): Generator<MapChange> {
    const seen = new Map<string, KeptEntry>();
    const before = this.#entries;
    this.#entries = seen;
    for (const entry of this.#reader.raw()) {
      const place = placeOf(entry);
      // An entry may come twice when others change the map.
      if (seen.has(place)) continue;
      const old = before.get(place);
      before.delete(place);
      const isSame = old?.value.equals(entry.value) === true;
      seen.set(place, isSame ? old : keep(entry));
      if (!old) yield { change: "added", ...this.#reader.decode(entry) };
      else if (!isSame) yield this.#changed(entry, old);
    }
    for (const old of before.values()) yield { change: "removed", ...this.#reader.decode(old) };
  }

  #changed(entry: RawEntry, old: KeptEntry): MapChange {
    return { change: "changed", ...this.#reader.decode(entry), before: payloadOf(this.#reader.decode(old)) };
  }
}

/** An entry whose bytes stay as they are. */
interface KeptEntry extends RawEntry {
  readonly value: Buffer;
}

function keep(entry: RawEntry): KeptEntry {
  return { ...entry, key: Uint8Array.from(entry.key), value: Buffer.from(entry.value) };
}

/** An entry's place as text that is different from every other one's. */
function placeOf({ outer, key }: RawEntry): string {
  const { buffer, byteOffset, byteLength } = key;
  return `${outer ?? ""}:${Buffer.from(buffer, byteOffset, byteLength).toString("latin1")}`;
}
