import type { NameCondition, NameGroup, NameSet } from "./names.ts";
import type { PairChange } from "./pair-change.ts";

/** Segments of ports that change in the same way for the same sets of names. */
interface NamedChange {
  readonly change: PairChange;
  readonly sets: ReadonlySet<NameSet>;
}

/** Turns around what changes for each set of names: for which sets each change holds. */
export function bySets(perSet: readonly (readonly [NameSet, readonly PairChange[]])[]): NamedChange[] {
  const holds = new Map<string, Map<number, Map<NameSet, PairChange>>>();
  for (const [set, changes] of perSet) {
    for (const change of changes) {
      const key = `${change.before} ${change.after}`;
      const byPlace = holds.get(key) ?? new Map<number, Map<NameSet, PairChange>>();
      holds.set(key, byPlace);
      for (const place of change.places) {
        const sets = byPlace.get(place) ?? new Map<NameSet, PairChange>();
        byPlace.set(place, sets.set(set, change));
      }
    }
  }
  const numbers = new Map(perSet.map(([set], i) => [set, i]));
  return [...holds.values()].flatMap((byPlace) => {
    const groups = new Map<string, { sets: ReadonlyMap<NameSet, PairChange>; places: number[] }>();
    for (const [place, sets] of byPlace) {
      const key = [...sets.keys()].map((set) => numbers.get(set)).join();
      const group = groups.get(key);
      if (group) group.places.push(place);
      else groups.set(key, { sets, places: [place] });
    }
    return [...groups.values()].flatMap(({ sets, places }): NamedChange[] => {
      const [first, ...others] = sets.values();
      if (!first) return [];
      const ends = [first, ...others].flatMap((change) => change.ends);
      return [{ change: { ...first, places, ends }, sets: new Set(sets.keys()) }];
    });
  });
}

/** Says in as few conditions as it finds for which of the sets something holds; null: for all of them. */
export function conditionsOf(
  holds: ReadonlySet<NameSet>,
  all: readonly NameSet[],
  groups: readonly NameGroup[],
): readonly (NameCondition | null)[] {
  if (holds.size === all.length) return [null];
  const isSame = (test: (set: NameSet) => boolean): boolean => all.every((set) => holds.has(set) === test(set));
  for (const group of groups) {
    if (isSame((set) => set.groups.includes(group))) return [{ known: [group.texts], unknown: [] }];
    if (isSame((set) => !set.groups.includes(group))) return [{ known: [], unknown: group.texts }];
  }
  const texts = (some: readonly NameGroup[]): string[] => [...new Set(some.flatMap((group) => group.texts))].sort();
  if (isSame((set) => set.groups.length > 0)) return [{ known: [texts(groups)], unknown: [] }];
  return [...holds].map((set) => ({
    known: set.groups.map((group) => group.texts),
    unknown: texts(groups.filter((group) => !set.groups.includes(group))),
  }));
}

/** Whether a condition holds for a set. */
export function meets(set: NameSet, { known, unknown }: NameCondition): boolean {
  const texts = new Set(set.groups.flatMap((group) => group.texts));
  return known.every((list) => list.some((text) => texts.has(text))) && !unknown.some((text) => texts.has(text));
}
