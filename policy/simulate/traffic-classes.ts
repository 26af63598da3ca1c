import type { NameClass } from "./name-classes.ts";
import { nameClasses } from "./name-classes.ts";
import { Parties } from "./parties.ts";
import type { PartyClass } from "./party-class.ts";
import { type PortSegment, portSegments } from "./port-segments.ts";
import type { World } from "./world.ts";

/**
 * All traffic that there can be, in classes that no rule of any of the worlds tells apart:
 * every pair of classes of parties that have a family of addresses in common, times every segment of ports.
 * Outside of the cluster, every set of classes of names comes on top: an address may be known by several.
 */
export interface TrafficClasses {
  readonly worlds: readonly World[];
  readonly parties: Parties;
  readonly segments: readonly PortSegment[];
  readonly names: readonly NameClass[];
  /** False: name patterns overlap in more ways than were looked at. */
  readonly isComplete: boolean;
}

/** @param worlds One or several sets of objects: classes are as fine as all of them together need. */
export function trafficClasses(worlds: readonly World[]): TrafficClasses {
  const { classes, isComplete } = nameClasses(worlds.flatMap(({ names }) => [...names]));
  return { worlds, parties: new Parties(worlds), segments: portSegments(worlds), names: classes, isComplete };
}

/** The classes alone, by kind and name. */
export function partyClasses(worlds: readonly World[]): readonly PartyClass[] {
  return new Parties(worlds).classes;
}
