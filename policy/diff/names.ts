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
const MAX_SETS = 512;

/**
 * All sets of groups that can hold for one address, which may have several names: the empty one first, then by
 * size. Where that is too many the largest are left out; any change shows with two names at most, because of all that
 * rules say only the highest precedence before and the highest after count.
 */
export function nameSets(
  groups: readonly NameGroup[],
  classes: readonly NameClass[],
): { sets: NameSet[]; isComplete: boolean } {
  const single = new Map<bigint, string>();
  for (const { texts, example } of classes) {
    const own = new Set(texts);
    let bits = 0n;
    for (const [i, group] of groups.entries()) if (group.texts.some((text) => own.has(text))) bits |= 1n << BigInt(i);
    if (bits !== 0n && !single.has(bits)) single.set(bits, example);
  }
  const all = new Map<bigint, readonly string[]>([[0n, []]]);
  let isComplete = true;
  for (let front = [...all]; front.length > 0;) {
    const next = new Map<bigint, readonly string[]>();
    for (const [known, names] of front) {
      for (const [bits, example] of single) {
        const both = known | bits;
        if (all.has(both) || next.has(both)) continue;
        // One name alone is always looked at.
        if (known !== 0n && all.size + next.size >= MAX_SETS) isComplete = false;
        else next.set(both, [...names, example]);
      }
    }
    for (const [bits, names] of next) all.set(bits, names);
    front = [...next];
  }
  const sets = [...all].map(([bits, names]): NameSet => ({
    groups: groups.filter((_, i) => ((bits >> BigInt(i)) & 1n) === 1n),
    names: [...names].sort(),
  }));
  return { sets, isComplete };
}

/** Equal for equal conditions. */
export function conditionKey(condition: NameCondition | null): string {
  if (!condition) return "";
  return JSON.stringify([condition.known.map((list) => list.join(" ")).sort(), condition.unknown]);
}
