import type { CounterKey } from "#agent/datapath/layouts.gen.ts";
import type { Place } from "./coverage-mapping.ts";
import type { DropSite } from "./drop-sites.ts";
import type { InstrumentedObject } from "./instrument.ts";

/**
 * A comment on the line where a block begins, or where a drop stands, that no packet comes by: what only the
 * verifier wants. Such places are counted apart; that one of them is reached all the same is an error.
 */
const unreachable = /\/\* unreachable: \S.*\*\//;

/** A place of the source that a test should reach. */
export interface Reached extends Place {
  readonly hit: boolean;
  readonly unreachable: boolean;
}

/** Lines of source files, by their paths from the project's folder. */
export type SourceLines = (file: string) => readonly string[];

/** The blocks of all objects: a header's are the same in each, and one that ran in any has run. */
export function blockCoverage(
  objects: readonly InstrumentedObject[],
  counts: ReadonlyMap<string, readonly number[]>,
  lines: SourceLines,
): Reached[] {
  const merged = new Map<string, Reached>();
  for (const { map, blocks } of objects) {
    const counters = counts.get(map) ?? [];
    const seen = new Map<string, number>();
    for (const { terms, ...place } of blocks) {
      const times = [...terms].reduce((sum, [counter, factor]) => sum + factor * (counters[counter] ?? 0), 0);
      const where = `${place.file}:${place.line}:${place.column}`;
      // Two blocks may begin at one place; their order is the same in all objects.
      const index = seen.get(where) ?? 0;
      seen.set(where, index + 1);
      const key = `${where}:${index}`;
      const hit = times > 0 || merged.get(key)?.hit === true;
      merged.set(key, { ...place, hit, unreachable: isUnreachable(place, lines) });
    }
  }
  return [...merged.values()].toSorted(
    (a, b) => a.file.localeCompare(b.file) || a.line - b.line || a.column - b.column,
  );
}

/** The drops of the source, by what the kernel counted under their reason, file and line. */
export function dropCoverage(sites: readonly DropSite[], seen: readonly CounterKey[], lines: SourceLines): Reached[] {
  const keyOf = (reason: number, file: number, line: number): string => `${reason}:${file}:${line}`;
  const counted = new Set(seen.map(({ reason, file, line }) => keyOf(reason, file, line)));
  return sites.map(({ file, line, reason, fileNumber }) => {
    const place = { file, line, column: 1 };
    const hit = counted.has(keyOf(reason, fileNumber, line));
    return { ...place, hit, unreachable: isUnreachable(place, lines) };
  });
}

function isUnreachable({ file, line }: Place, lines: SourceLines): boolean {
  return unreachable.test(lines(file)[line - 1] ?? "");
}

/** Shares of places that were reached, without those that cannot be. */
export interface Summary {
  readonly file: string;
  readonly reachable: number;
  readonly hit: number;
  readonly unreachable: number;
  readonly percent: number;
}

export function summary(file: string, places: readonly Reached[]): Summary {
  const reachable = places.filter((place) => !place.unreachable);
  const hit = reachable.filter((place) => place.hit).length;
  return {
    file,
    reachable: reachable.length,
    hit,
    unreachable: places.length - reachable.length,
    percent: reachable.length === 0 ? 100 : (100 * hit) / reachable.length,
  };
}
