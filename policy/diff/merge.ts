import type { Direction, Rule, Verdict } from "#policy/model/rule.ts";
import type { Family } from "#policy/simulate/party-class.ts";
import type { PortSegment } from "#policy/simulate/port-segments.ts";
import { type ChangeItem, compareItems } from "./change-item.ts";
import type { Difference } from "./compare.ts";
import { type PairChange, type Reason, addReasons } from "./pair-change.ts";
import { rectangles } from "./rectangles.ts";
import { portGroups } from "./traffic-text.ts";

/** One change of the traffic of all sources with all destinations. */
export interface MergedChange {
  readonly before: Verdict;
  readonly after: Verdict;
  readonly ends: readonly Direction[];
  readonly protocol: string;
  readonly ports: string;
  readonly segments: readonly PortSegment[];
  readonly sources: readonly ChangeItem[];
  readonly destinations: readonly ChangeItem[];
  readonly rules: { readonly before: ReadonlySet<Rule>; readonly after: ReadonlySet<Rule> };
}

/** Pairs of items with one change on the same ports. */
interface Bundle extends Pick<MergedChange, "before" | "after" | "protocol" | "ports"> {
  readonly segments: Set<PortSegment>;
  readonly pairs: Map<ChangeItem, Map<ChangeItem, Difference>>;
}

/** Puts changes together that are the same but for who is at the ends. */
export function mergeDifferences(
  differences: Iterable<Difference>,
  segments: readonly PortSegment[],
  isPossible: PairTest,
): MergedChange[] {
  const bundles = new Map<string, Bundle>();
  const groupsOf = new Map<PairChange, ReturnType<typeof portGroups>>();
  for (const difference of differences) {
    const { change, families } = difference;
    let groups = groupsOf.get(change);
    if (!groups)
      groupsOf.set(
        change,
        (groups = portGroups(
          change.places.map((place) => segments[place] as PortSegment),
          segments,
          families,
        )),
      );
    for (const { protocol, ports, segments: own } of groups) {
      const { before, after } = change;
      const key = `${before} ${after} ${protocol}|${ports}`;
      let bundle = bundles.get(key);
      if (!bundle) {
        bundle = { before, after, protocol, ports, segments: new Set(), pairs: new Map() };
        bundles.set(key, bundle);
      }
      for (const segment of own) bundle.segments.add(segment);
      let row = bundle.pairs.get(difference.source);
      if (!row) bundle.pairs.set(difference.source, (row = new Map()));
      row.set(difference.destination, difference);
    }
  }
  return [...bundles.values()].flatMap((bundle) => cover(bundle, segments, isPossible));
}

/** Whether there can be traffic between two items. */
type PairTest = (source: ChangeItem, destination: ChangeItem) => boolean;

interface Block {
  readonly sources: readonly ChangeItem[];
  readonly destinations: readonly ChangeItem[];
  /** The only family of its pairs; null: they have several. */
  readonly family: Family | null;
}

function cover(
  { pairs, segments, ...what }: Bundle,
  all: readonly PortSegment[],
  isPossible: PairTest,
): MergedChange[] {
  const places = new Set([...all.keys()].filter((place) => segments.has(all[place] as PortSegment)));
  const rows = new Map([...pairs].map(([source, row]) => [source, new Set(row.keys())]));
  const blocks = rectangles(rows, ownColumn).map(({ rows: sources, columns: destinations }): Block => {
    const families = new Set(sources.flatMap((source) => familiesOf(pairs.get(source), destinations)));
    return { sources, destinations, family: families.size === 1 ? ([...families][0] ?? null) : null };
  });
  return mergeFamilies(blocks, isPossible).map(({ sources, destinations }): MergedChange => {
    const own = sources.flatMap((source) => destinations.flatMap((one) => pairs.get(source)?.get(one) ?? []));
    const reason: Reason = { ends: new Set(), before: new Set(), after: new Set() };
    for (const change of new Set(own.map(({ change }) => change))) addReasons(change, places, reason);
    return {
      ...what,
      ends: [...reason.ends].sort(),
      segments: all.filter((segment) => segments.has(segment)),
      sources: [...sources].sort(compareItems),
      destinations: [...destinations].sort(compareItems),
      rules: reason,
    };
  });
}

/** A party of one member has no traffic with itself. */
function ownColumn(row: ChangeItem): ChangeItem | undefined {
  const { party } = row.item;
  return party.members.length === 1 && party.cells.length === 0 ? row : undefined;
}

function familiesOf(
  row: ReadonlyMap<ChangeItem, Difference> | undefined,
  destinations: readonly ChangeItem[],
): (Family | null)[] {
  const lists = new Set(destinations.flatMap((one) => row?.get(one)?.families.join() ?? []));
  return [...lists].map((list) => (list === "4" ? 4 : list === "6" ? 6 : null));
}

/** What is so by IPv4 and by IPv6 with the same parties at one end is told once, where there is no traffic across. */
function mergeFamilies(blocks: readonly Block[], isPossible: PairTest): Block[] {
  const isAcross = (one: Block, other: Block): boolean =>
    one.sources.some((source) => other.destinations.some((destination) => isPossible(source, destination)));
  const left = new Set(blocks);
  for (const block of blocks) {
    if (block.family !== 4 || !left.has(block)) continue;
    const match = [...left].find(
      (other) =>
        other.family === 6 &&
        (hasSameParties(block.sources, other.sources) || hasSameParties(block.destinations, other.destinations)) &&
        !isAcross(block, other) &&
        !isAcross(other, block),
    );
    if (!match) continue;
    left.delete(block);
    left.delete(match);
    left.add({
      sources: [...new Set([...block.sources, ...match.sources])],
      destinations: [...new Set([...block.destinations, ...match.destinations])],
      family: null,
    });
  }
  return [...left];
}

function hasSameParties(some: readonly ChangeItem[], others: readonly ChangeItem[]): boolean {
  const parties = new Set(some.map(({ item }) => item.party));
  const found = new Set(others.map(({ item }) => item.party));
  return parties.size === found.size && [...parties].every((party) => found.has(party));
}
