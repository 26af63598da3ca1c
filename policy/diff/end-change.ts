import { isOutside } from "#policy/model/flow.ts";
import type { Direction } from "#policy/model/rule.ts";
import type { PartyClass } from "#policy/simulate/party-class.ts";
import type { TrafficClasses } from "#policy/simulate/traffic-classes.ts";
import type { EndDecisions, EndPolicy } from "./end-policy.ts";
import { type NameGroup, type NameSet, nameSets } from "./names.ts";
import type { Side } from "./side.ts";

/** What one end says of one peer, before and after, for all segments of ports. */
export interface EndChange {
  readonly before: EndDecisions;
  readonly after: EndDecisions;
  /** Whether any verdict differs, or what requests must be like. */
  readonly isChanged: boolean;
}

/** Whether an end says the same of a segment of ports before and after. */
export function saysSame({ before, after }: Pick<EndChange, "before" | "after">, place: number): boolean {
  return before.verdicts[place] === after.verdicts[place] && before.requests[place] === after.requests[place];
}

/** Computed where it is asked for: most ends say the same on both sides, and nobody asks what. */
class LazyChange implements EndChange {
  readonly #make: readonly [before: () => EndDecisions, after: () => EndDecisions];
  readonly #isAlike: boolean;
  #before: EndDecisions | null = null;
  #after: EndDecisions | null = null;
  #isChanged: boolean | null = null;

  /** @param isAlike Known to say the same. */
  constructor(before: () => EndDecisions, after: () => EndDecisions, isAlike: boolean) {
    this.#make = [before, after];
    this.#isAlike = isAlike;
  }

  get before(): EndDecisions {
    return (this.#before ??= this.#make[0]());
  }

  get after(): EndDecisions {
    return (this.#after ??= this.#make[1]());
  }

  get isChanged(): boolean {
    if (this.#isAlike) return false;
    return (this.#isChanged ??= this.before.verdicts.some((_, place) => !saysSame(this, place)));
  }
}

/** A class by one of its faces, with the numbers by which policies look it up. */
export interface Item {
  readonly party: PartyClass;
  readonly face: number;
  readonly peers: readonly [before: readonly number[], after: readonly number[]];
  /** Addresses that may have names. */
  readonly isOutside: boolean;
}

/** All faces of all classes. */
export function toItems(traffic: TrafficClasses, before: Side, after: Side): Item[] {
  return traffic.parties.classes.flatMap((party) =>
    party.faces.map((_, face): Item => ({
      party,
      face,
      peers: [before.numbersOf(party, face), after.numbersOf(party, face)],
      isOutside: party.members[0]?.ends[0]?.parties.every(isOutside) ?? false,
    })),
  );
}

/** Names as a policy can tell them apart. */
export interface Names {
  readonly groups: readonly NameGroup[];
  /** At least one: that of no name at all. */
  readonly sets: readonly NameSet[];
}

/** The policy of one end on both sides. */
export class EndPolicies {
  /** Some sets of names were not looked at. */
  isComplete = true;
  readonly #before: EndPolicy;
  readonly #after: EndPolicy;
  readonly #traffic: TrafficClasses;
  readonly #sides: readonly [Side, Side];
  readonly #changes = new Map<string, EndChange>();
  readonly #names: Partial<Record<Direction, Names>> = {};
  readonly #ofItems = { ingress: new Map<Item, EndChange>(), egress: new Map<Item, EndChange>() };

  constructor(before: EndPolicy, after: EndPolicy, sides: readonly [Side, Side], traffic: TrafficClasses) {
    this.#before = before;
    this.#after = after;
    this.#sides = sides;
    this.#traffic = traffic;
  }

  /** What it says of a peer that has no names. */
  change(direction: Direction, peer: Item): EndChange {
    let change = this.#ofItems[direction].get(peer);
    if (!change) this.#ofItems[direction].set(peer, (change = this.#change(direction, peer.peers[0], peer.peers[1])));
    return change;
  }

  /** Whether it says the same of a peer on both sides, whatever its names. */
  isAlike(direction: Direction, peer: Item): boolean {
    const [before, after] = [this.#before, this.#after];
    return (
      before.shape(direction, peer.peers[0]) === after.shape(direction, peer.peers[1]) &&
      this.names(direction).groups.every(({ peers }) => {
        const [early, late] = peers.map((number) => (number === null ? [] : [number]));
        return before.shape(direction, early ?? []) === after.shape(direction, late ?? []);
      })
    );
  }

  /** What it says of a peer that is known by these names. */
  changeOfNamed(direction: Direction, peer: Item, { groups }: NameSet): EndChange {
    const [before, after] = ([0, 1] as const).map((side) => [
      ...peer.peers[side],
      ...groups.flatMap((group) => group.peers[side] ?? []),
    ]);
    return this.#change(direction, before ?? [], after ?? []);
  }

  /** The names that it can tell apart. */
  names(direction: Direction): Names {
    return (this.#names[direction] ??= this.#findNames(direction));
  }

  #findNames(direction: Direction): Names {
    const groups = new Map<string, { texts: string[]; peers: NameGroup["peers"] }>();
    for (const text of new Set(this.#traffic.names.flatMap(({ texts }) => texts))) {
      const peers = this.#sides.map((side) => side.numberOfName(text));
      const [before, after] = [peers[0] ?? null, peers[1] ?? null];
      const keyBefore = before === null ? "0" : this.#before.key(direction, [before]);
      const keyAfter = after === null ? "0" : this.#after.key(direction, [after]);
      if (keyBefore === "0" && keyAfter === "0") continue;
      const key = `${keyBefore} ${keyAfter}`;
      const group = groups.get(key);
      if (group) group.texts.push(text);
      else groups.set(key, { texts: [text], peers: [before, after] });
    }
    const list = [...groups.values()].map((group) => ({ ...group, texts: group.texts.sort() }));
    const { sets, isComplete } = nameSets(list, this.#traffic.names);
    this.isComplete &&= isComplete;
    return { groups: list, sets };
  }

  #change(direction: Direction, before: readonly number[], after: readonly number[]): EndChange {
    const key = `${direction} ${this.#before.key(direction, before)} ${this.#after.key(direction, after)}`;
    let change = this.#changes.get(key);
    if (change) return change;
    change = new LazyChange(
      () => this.#before.decisions(direction, before),
      () => this.#after.decisions(direction, after),
      this.#before.shape(direction, before) === this.#after.shape(direction, after),
    );
    this.#changes.set(key, change);
    return change;
  }
}
