import type { NameClass } from "#policy/simulate/name-classes.ts";

/** By which names an address is known, as far as some policy can tell. */
export interface NameCondition {
  /** Of each list the address is known by at least one. */
  readonly known: readonly (readonly string[])[];
  /** By none of these. */
  readonly unknown: readonly string[];
}

/** Names that some policy cannot tell apart, with one of them. */
export interface NameGroup {
  readonly texts: readonly string[];
  /** For look-ups before and after. */
  readonly peers: readonly [before: number | null, after: number | null];
}

/** One set of groups by which an address can be known at the same time. */
export interface NameSet {
  readonly groups: readonly NameGroup[];
  /** Names by which an address is known by exactly these groups. */
  readonly names: readonly string[];
}

/** Sets beyond this many are not looked at. */
const MAX_SETS = 256;

/** All sets of groups that can hold for one address, which may have several names; the empty one first. */
export function nameSets(
  groups: readonly NameGroup[],
  classes: readonly NameClass[],
): { sets: NameSet[]; isComplete: boolean } {
  const single = new Map<string, { bits: bigint; example: string }>();
  for (const { texts, example } of classes) {
    const own = new Set(texts);
    let bits = 0n;
    for (const [i, group] of groups.entries()) if (group.texts.some((text) => own.has(text))) bits |= 1n << BigInt(i);
    if (bits !== 0n && !single.has(`${bits}`)) single.set(`${bits}`, { bits, example });
  }
  const all = new Map<string, { bits: bigint; names: readonly string[] }>([["0", { bits: 0n, names: [] }]]);
  let isComplete = true;
  for (const { bits, example } of single.values()) {
    for (const other of [...all.values()]) {
      const both = bits | other.bits;
      if (all.has(`${both}`)) continue;
      // Alone it is always looked at.
      if (all.size < MAX_SETS || other.bits === 0n) all.set(`${both}`, { bits: both, names: [...other.names, example] });
      else isComplete = false;
    }
  }
  const sets = [...all.values()].map(({ bits, names }): NameSet => ({
    groups: groups.filter((_, i) => (bits >> BigInt(i)) & 1n),
    names: [...names].sort(),
  }));
  return { sets, isComplete };
}

/** Equal for equal conditions. */
export function conditionKey(condition: NameCondition | null): string {
  if (!condition) return "";
  return JSON.stringify([condition.known.map((list) => list.join(" ")).sort(), condition.unknown]);
}
