import type { Direction, Verdict } from "#policy/model/rule.ts";
import { type Family, isSameMember } from "#policy/simulate/party-class.ts";
import type { TrafficClasses } from "#policy/simulate/traffic-classes.ts";
import { type ChangeItem, ChangeItems } from "./change-item.ts";
import { type EndChange, EndPolicies, type Item, type Names, toItems } from "./end-change.ts";
import { bySets, conditionsOf, meets } from "./named-change.ts";
import type { NameCondition, NameSet } from "./names.ts";
import { type Ends, type PairChange, isPossible, pairChanges } from "./pair-change.ts";
import { DiffTooLargeError } from "./errors.ts";
import type { Side } from "./side.ts";

/** Called now and then while it takes long. */
export type Progress = (done: number, of: number) => void;

/** A change of the traffic between two items. */
export interface Difference {
  readonly source: ChangeItem;
  readonly destination: ChangeItem;
  readonly families: readonly Family[];
  readonly change: PairChange;
}

/** Judges every class of traffic on both sides, end by end, and puts together only ends of which one has changed. */
export class Comparison {
  readonly items: readonly Item[];
  /** Classes of traffic that were looked at. */
  classes = 0;
  isComplete = true;
  readonly #traffic: TrafficClasses;
  readonly #changeItems: ChangeItems;
  readonly #policies = new Map<Item, EndPolicies | null>();
  readonly #pairs = new Map<EndChange, Map<EndChange, Map<string, readonly PairChange[]>>>();
  readonly #free: EndChange;
  /** Items that a policy is about on either side. */
  readonly #governed: readonly Item[];
  /** How many segments of ports there are between addresses of these families, by the families. */
  readonly #segments = new Map<string, number>();

  /** @throws DiffTooLargeError */
  constructor(traffic: TrafficClasses, sides: readonly [Side, Side]) {
    this.#traffic = traffic;
    this.items = toItems(traffic, ...sides);
    this.#changeItems = new ChangeItems(this.items);
    const verdicts = traffic.segments.map((): Verdict => "allow");
    const [rules, requests] = [traffic.segments.map(() => []), traffic.segments.map(() => "")];
    const decisions = { verdicts, rules, requests };
    this.#free = { before: decisions, after: decisions, isChanged: false };
    // Classes share policies: so what is known of one end holds for others.
    const shared = new Map<unknown, Map<unknown, EndPolicies>>();
    for (const item of this.items) {
      const [before, after] = sides.map((side) => side.policyOf(item.party));
      if (!before || !after) {
        this.#policies.set(item, null);
        continue;
      }
      const own = shared.get(before) ?? new Map<unknown, EndPolicies>();
      shared.set(before, own);
      const policies = own.get(after) ?? new EndPolicies(before, after, sides, traffic);
      own.set(after, policies);
      this.#policies.set(item, policies);
    }
    this.#governed = this.items.filter((item) => this.isGoverned(item));
    const pairs = this.#governed.length * (2 * this.items.length - this.#governed.length);
    if (pairs > MOST_PAIRS) throw new DiffTooLargeError(this.items.length, pairs, MOST_PAIRS);
  }

  *differences(progress: Progress = () => {}): Generator<Difference> {
    for (const [i, source] of this.items.entries()) {
      const destinations = this.isGoverned(source) ? this.items : this.#governed;
      for (const destination of destinations) yield* this.#compare(source, destination);
      progress(i + 1, this.items.length);
    }
    this.isComplete &&= [...this.#policies.values()].every((policies) => policies?.isComplete ?? true);
  }

  /** Whether a policy is about it, or could be, on either side: between two of which neither is, nobody judges. */
  isGoverned(item: Item): boolean {
    return Boolean(this.#policies.get(item));
  }

  /** Families of addresses that both have; null: there is no traffic between the two that anybody judges. */
  families(source: Item, destination: Item): readonly Family[] | null {
    const isReceiverFree = this.#isFree(source, destination) || !this.#policies.get(destination);
    if (isReceiverFree && !this.#policies.get(source)) return null;
    if (isOneParty(source, destination)) return null;
    const [a, b] = [source, destination].map(({ party, face }) => party.faces[face]?.families ?? []);
    if (!a || !b || a.length === 0) return b ?? [];
    if (b.length === 0) return a;
    const both = a.filter((family) => b.includes(family));
    return both.length > 0 ? both : null;
  }

  *#compare(source: Item, destination: Item): Generator<Difference> {
    const families = this.families(source, destination);
    if (!families) return;
    const sender = this.#policies.get(source);
    const receiver = this.#isFree(source, destination) ? null : this.#policies.get(destination);
    const egress = sender?.change("egress", destination) ?? this.#free;
    const ingress = receiver?.change("ingress", source) ?? this.#free;
    const sets = namesOf(sender, "egress", destination) ?? namesOf(receiver, "ingress", source);
    this.classes += this.#segmentsOf(families) * (sets?.length ?? 1);
    if (!sets) {
      for (const change of this.#pairChanges({ egress, ingress }, families)) {
        yield {
          source: this.#changeItems.of(source),
          destination: this.#changeItems.of(destination),
          families,
          change,
        };
      }
    } else if (sender && destination.isOutside) {
      if (sender.isAlike("egress", destination) && !ingress.isChanged) return;
      const changesOf = (set: NameSet) =>
        this.#pairChanges({ egress: sender.changeOfNamed("egress", destination, set), ingress }, families);
      for (const { change, ...named } of this.#namedChanges(sender.names("egress"), changesOf)) {
        const known = this.#changeItems.of(destination, named.condition, named.names);
        yield { source: this.#changeItems.of(source), destination: known, families, change };
      }
    } else if (receiver) {
      if (receiver.isAlike("ingress", source) && !egress.isChanged) return;
      const changesOf = (set: NameSet) =>
        this.#pairChanges({ egress, ingress: receiver.changeOfNamed("ingress", source, set) }, families);
      for (const { change, ...named } of this.#namedChanges(receiver.names("ingress"), changesOf)) {
        const known = this.#changeItems.of(source, named.condition, named.names);
        yield { source: known, destination: this.#changeItems.of(destination), families, change };
      }
    }
  }

  #segmentsOf(families: readonly Family[]): number {
    const key = families.join();
    let count = this.#segments.get(key);
    if (count === undefined) {
      count = this.#traffic.segments.filter((segment) => isPossible(segment, families)).length;
      this.#segments.set(key, count);
    }
    return count;
  }

  /** What changes for each set of names, told by conditions on the names. */
  *#namedChanges(
    { groups, sets }: Names,
    changesOf: (set: NameSet) => readonly PairChange[],
  ): Generator<{
    readonly change: PairChange;
    readonly condition: NameCondition | null;
    readonly names: readonly string[];
  }> {
    for (const { change, sets: holds } of bySets(sets.map((set) => [set, changesOf(set)]))) {
      for (const condition of conditionsOf(holds, sets, groups)) {
        const example = condition && [...holds].find((set) => meets(set, condition));
        yield { change, condition, names: example?.names ?? [] };
      }
    }
  }

  /** The node reaches its own pods always. */
  #isFree(source: Item, destination: Item): boolean {
    return source.party.kind === "host" && destination.party.kind === "pod";
  }

  #pairChanges({ egress, ingress }: Ends, families: readonly Family[]): readonly PairChange[] {
    if (!egress.isChanged && !ingress.isChanged) return NOTHING;
    let byIngress = this.#pairs.get(egress);
    if (!byIngress) this.#pairs.set(egress, (byIngress = new Map()));
    let byFamilies = byIngress.get(ingress);
    if (!byFamilies) byIngress.set(ingress, (byFamilies = new Map()));
    const key = families.join();
    let changes = byFamilies.get(key);
    if (!changes) byFamilies.set(key, (changes = pairChanges({ egress, ingress }, this.#traffic.segments, families)));
    return changes;
  }
}

const NOTHING: readonly PairChange[] = [];
/** So many pairs of classes of parties are compared at most: what is found of each is kept until all are. */
export const MOST_PAIRS = 5_000_000;

/** The sets of names of a peer that a policy can tell apart; null where it can tell none. */
function namesOf(
  policies: EndPolicies | null | undefined,
  direction: Direction,
  peer: Item,
): readonly NameSet[] | null {
  if (!policies || !peer.isOutside) return null;
  const { groups, sets } = policies.names(direction);
  return groups.length > 0 ? sets : null;
}

/** What a party says to itself is nobody's concern. A node has two roles, and is the own node of nobody but its pods. */
function isOneParty(source: Item, destination: Item): boolean {
  const [a, b] = [source.party, destination.party];
  if (a.kind === "host" && b.kind === "host") return true;
  if (a.cells.length > 0 || b.cells.length > 0) return false;
  // Only nodes are members of several classes.
  if (a !== b && (a.kind === "pod" || b.kind === "pod")) return false;
  const [one, other] = [a.members[0], b.members[0]];
  return (
    a.members.length === 1 &&
    b.members.length === 1 &&
    one !== undefined &&
    other !== undefined &&
    isSameMember(one, other)
  );
}
