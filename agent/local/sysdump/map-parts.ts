import { MapError } from "#agent/local/maps/map-error.ts";
import type { MapView } from "#agent/local/maps/map-list.ts";
import { dump, list } from "#agent/local/maps/look.ts";
import { type Content, json, type Part } from "./part.ts";

/** Entries of one map that are told. */
const entriesMax = 5000;

/** What the kernel's maps hold, as their own types say it: whether an agent runs or not. */
export async function mapParts(bpffs: string): Promise<Part[]> {
  let maps: readonly MapView[];
  try {
    maps = await list(bpffs);
  } catch (error) {
    return [{ name: "maps/list.json", read: () => without(error) }];
  }
  return [
    { name: "maps/list.json", read: () => json(maps) },
    // A ring buffer has none, and to read it would take from its reader.
    ...maps
      .filter(({ entries }) => entries !== null)
      .map(({ name, entries }): Part => ({
        name: `maps/${name}.json`,
        read: () => entriesOf(bpffs, name, entries ?? 0),
      })),
  ];
}

function without(error: unknown): Content {
  if (error instanceof MapError && error.code === "no-maps") return { kind: "absent", why: error.message };
  throw error;
}

function entriesOf(bpffs: string, name: string, count: number): Content {
  const entries = dump({ bpffs, names: [name] })
    .take(entriesMax)
    .toArray();
  // Of a map of maps the count is that of the inner maps.
  const more = entries.length < entriesMax ? 0 : Math.max(1, count - entriesMax);
  return { kind: "json", value: entries, more };
}
