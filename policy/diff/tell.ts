import { type Rule, type RuleDescription, compareDescriptions } from "#policy/model/rule.ts";
import type { ChangeItem } from "./change-item.ts";
import type { Comparison } from "./compare.ts";
import type { Item } from "./end-change.ts";
import { type Explanations, type Sample, sampleOf } from "./example.ts";
import type { MergedChange } from "./merge.ts";
import { type Surroundings, partyGroup } from "./party-group.ts";
import type { PolicyChange } from "./policy-change.ts";

/** So many pairs are looked at for a good example. */
const MOST_TRIED = 200;

/** Says for people and programs what has been found; sorted. */
export function tellChanges(
  changes: readonly MergedChange[],
  comparison: Comparison,
  explanations: Explanations,
): PolicyChange[] {
  return changes.map((change) => tell(change, comparison, explanations)).sort(compareChanges);
}

function tell(change: MergedChange, comparison: Comparison, explanations: Explanations): PolicyChange {
  const { before, after, ends, protocol, ports, segments, sources, destinations, rules } = change;
  const sample = firstSample(change, comparison);
  const partners = partnersOf(comparison, destinations);
  const senders = surroundings(sources, comparison.items, (item) =>
    partners(item).some((destination) => comparison.families(item, destination.item) !== null),
  );
  const peers = partnersOf(comparison, sources);
  const receivers = surroundings(destinations, comparison.items, (item) =>
    peers(item).some((source) => comparison.families(source.item, item) !== null),
  );
  const isNewDenial = after === "deny" && rules.after.size === 0;
  return {
    before,
    after,
    source: partyGroup(sources, { ...senders, partners: destinations }, sample?.told.from ?? ""),
    destination: partyGroup(destinations, { ...receivers, partners: sources }, sample?.told.to ?? ""),
    protocol,
    ports,
    traffic: segments.map(({ protocol, first, last }) => ({ protocol, first, last })),
    ends,
    by: { before: describeRules(rules.before), after: describeRules(rules.after) },
    nearest: sample && isNewDenial ? explanations.nearest(sample.flows[1], ends) : null,
    example: sample?.told ?? null,
  };
}

/** Of some items those that an item can have traffic with, and perhaps others: one of two must be governed. */
function partnersOf(comparison: Comparison, some: readonly ChangeItem[]): (item: Item) => readonly ChangeItem[] {
  const governed = some.filter(({ item }) => comparison.isGoverned(item));
  return (item) => (comparison.isGoverned(item) ? some : governed);
}

/** Items that are not chosen: those with which there can be traffic, and those with which there cannot. */
function surroundings(
  chosen: readonly ChangeItem[],
  all: readonly Item[],
  isPossible: (item: Item) => boolean,
): Pick<Surroundings, "others" | "indifferent"> {
  const parties = new Set(chosen.map(({ item }) => item.party));
  const items = new Set(chosen.map(({ item }) => item));
  const others: Item[] = [];
  const indifferent: Item[] = [];
  for (const item of all) {
    if (items.has(item)) continue;
    if (isPossible(item)) others.push(item);
    else if (!parties.has(item.party)) indifferent.push(item);
  }
  return { others, indifferent };
}

function firstSample({ sources, destinations, segments }: MergedChange, comparison: Comparison): Sample | null {
  let first: Sample | null = null;
  let tried = 0;
  for (const source of sources) {
    for (const destination of destinations) {
      const families = comparison.families(source.item, destination.item);
      const sample = families && sampleOf(source, destination, families[0] ?? null, segments);
      // Better one that people can try.
      if (sample?.told.canBeEvaluated) return sample;
      first ??= sample;
      if (first && ++tried > MOST_TRIED) return first;
    }
  }
  return first;
}

/** One rule of an object may stand for several; it is named once. */
function describeRules(rules: Iterable<Rule>): RuleDescription[] {
  const byText = new Map([...rules].map(({ description }) => [JSON.stringify(description), description]));
  return [...byText.values()].sort(compareDescriptions);
}

/** What is cut off first, then what is let through; then by who it is, and what. */
function compareChanges(a: PolicyChange, b: PolicyChange): number {
  const keys = [a, b].map(({ before, after, source, destination, protocol, ports }) => [
    `${["deny", "allow", "redirect"].indexOf(after)}${before}`,
    destination.description,
    source.description,
    protocol,
    ports,
  ]);
  for (const [i, text] of (keys[0] ?? []).entries()) {
    const other = keys[1]?.[i] ?? "";
    if (text !== other) return text < other ? -1 : 1;
  }
  return 0;
}
