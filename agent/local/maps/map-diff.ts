import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { BtfValue } from "libbpf-ts";
import { UnreadableError } from "#agent/local/unreadable.ts";
import type { MapChange } from "./map-changes.ts";
import type { MapEntry } from "./map-reader.ts";
import { jsonText, payloadOf } from "./map-text.ts";

/** What differs between two states of maps: all that is in `after` in its order, then what is there no more. */
export async function* diffEntries(
  before: AsyncIterable<MapEntry>,
  after: Iterable<MapEntry> | AsyncIterable<MapEntry>,
): AsyncGenerator<MapChange> {
  const old = new Map<string, MapEntry>();
  for await (const entry of before) old.set(placeOf(entry), entry);
  for await (const entry of after) {
    const place = placeOf(entry);
    const was = old.get(place);
    old.delete(place);
    if (!was) yield { change: "added", ...entry };
    else if (jsonText(payloadOf(was)) !== jsonText(payloadOf(entry)))
      yield { change: "changed", ...entry, before: payloadOf(was) };
  }
  for (const entry of old.values()) yield { change: "removed", ...entry };
}

/**
 * The entries that `weir bpf map dump -o json` has written to a file.
 *
 * @param maps whose entries are wanted.
 * @throws UnreadableError for a file that cannot be read, or holds something else.
 */
export async function* readDump(path: string, maps: ReadonlySet<string>): AsyncGenerator<MapEntry> {
  let number = 0;
  try {
    for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
      number++;
      if (line.trim() === "") continue;
      const entry = parseEntry(line);
      if (maps.has(entry.map)) yield entry;
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw new UnreadableError(path, "file", error);
    const cause = new Error(`line ${number} is no entry as weir bpf map dump -o json writes them`, { cause: error });
    throw new UnreadableError(path, "file", cause);
  }
}

/** @throws SyntaxError. */
function parseEntry(line: string): MapEntry {
  // Numbers that JavaScript would round stay what is written.
  const exact = (_: string, value: unknown, { source }: { readonly source?: string }): unknown =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(source ?? "")
      ? BigInt(source as string)
      : value;
  const entry: unknown = JSON.parse(line, exact as (name: string, value: unknown) => unknown);
  if (typeof entry === "object" && entry !== null && "map" in entry && "key" in entry) {
    if (typeof entry.map === "string" && ("value" in entry || "values" in entry)) return entry as MapEntry;
  }
  throw new SyntaxError("not an entry");
}

function placeOf({ map, outer, key }: MapEntry): string {
  return jsonText([map, outer ?? null, key] satisfies BtfValue);
}
