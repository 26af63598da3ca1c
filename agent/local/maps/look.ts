/** What `weir bpf map` does: the pinned maps of an agent, whether it runs or not. */
import { type KeyPart, matchingEntries } from "./key-match.ts";
import { type MapChange, watchMaps } from "./map-changes.ts";
import { diffEntries, readDump } from "./map-diff.ts";
import { listMaps, type MapView } from "./map-list.ts";
import { type MapEntry, MapReader } from "./map-reader.ts";
import { PinnedMaps } from "./pinned-maps.ts";

export { keyPart } from "./key-match.ts";
export { changeText } from "./map-changes.ts";
export { entryText, jsonText } from "./map-text.ts";

/** Which maps are looked at, and how. */
export interface Look {
  /** The agent's `--bpffs`. */
  readonly bpffs: string;
  readonly names: readonly string[];
  /** All values of a map that counts on each CPU, not their sum. */
  readonly perCpu?: boolean;
}

export async function list(bpffs: string): Promise<MapView[]> {
  using maps = new PinnedMaps(bpffs);
  return await listMaps(maps);
}

/** All entries. @throws MapError. */
export function* dump(look: Look): Generator<MapEntry> {
  using maps = new PinnedMaps(look.bpffs);
  for (const reader of readersOf(maps, look)) for (const raw of reader.raw()) yield reader.decode(raw);
}

/** The entries whose keys have all these parts. @throws MapError. */
export function* get(look: Look, parts: readonly KeyPart[]): Generator<MapEntry> {
  using maps = new PinnedMaps(look.bpffs);
  for (const reader of readersOf(maps, look)) yield* matchingEntries(reader, parts);
}

/** Entries that come, change and go, until the signal. @param interval milliseconds between two looks. @throws MapError. */
export async function* watch(look: Look, interval: number, signal: AbortSignal): AsyncGenerator<MapChange> {
  using maps = new PinnedMaps(look.bpffs);
  yield* watchMaps(readersOf(maps, look), interval, signal);
}

/**
 * What is different since a dump.
 *
 * @param later a later dump; undefined: the maps as they are now.
 * @throws MapError, UnreadableError.
 */
export function diff(look: Look, file: string, later: string | undefined): AsyncGenerator<MapChange> {
  const wanted = new Set(look.names);
  return diffEntries(readDump(file, wanted), later === undefined ? dump(look) : readDump(later, wanted));
}

/** All of them before any is read: a wrong name is told of at once. */
function readersOf(maps: PinnedMaps, { names, perCpu = false }: Look): MapReader[] {
  return names.map((name) => new MapReader(maps, name, { perCpu }));
}
