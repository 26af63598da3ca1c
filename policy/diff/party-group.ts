import type { Family, PartyClass } from "#policy/simulate/party-class.ts";
import type { ChangeItem } from "./change-item.ts";
import { type Part, describePart, joinTexts } from "./describe-part.ts";
import type { Item } from "./end-change.ts";
import { conditionKey } from "./names.ts";
import type { PartyGroup } from "./policy-change.ts";

/** What else there is beside the items of a group. */
export interface Surroundings {
  /** All other items with which the other end could have traffic. */
  readonly others: readonly Item[];
  /** Those with which it cannot. */
  readonly indifferent: readonly Item[];
  /** Who is at the other end. */
  readonly partners: readonly ChangeItem[];
}

/**
 * Says who some items are.
 *
 * @param items In their order.
 */
export function partyGroup(
  items: readonly ChangeItem[],
  { others, indifferent, partners }: Surroundings,
  example: string,
): PartyGroup {
  const parts = toParts(items, familiesOf(partners));
  const everybody = [...others, ...items.map(({ item }) => item)];
  const described = parts.map((part) => {
    const ofKind = (some: readonly Item[]): Set<PartyClass> =>
      new Set(some.flatMap(({ party }) => (party.kind === part.kind ? party : [])));
    return describePart(part, ofKind(everybody), ofKind(indifferent));
  });
  const isPlain = parts.every(({ condition, families }) => condition === null && families === null);
  const isAnybody = parts.length > 1 && others.length === 0 && isPlain;
  const kinds = [...new Set(parts.map(({ kind }) => kind))];
  const members = described.flatMap((one) => one.members);
  return {
    kind: isAnybody ? "anybody" : (kinds.length === 1 && kinds[0]) || "several",
    description: isAnybody ? "anybody" : joinTexts(described),
    example,
    count: members.length,
    members,
  };
}

/** Families of addresses that some of the parties have at all; null: somebody may have any. */
function familiesOf(items: readonly ChangeItem[]): ReadonlySet<Family> | null {
  const lists = items.flatMap(({ item: { party } }) => party.faces.map(({ families }) => families));
  return lists.some((list) => list.length === 0) ? null : new Set(lists.flat());
}

/** @param possible Families of the other end: by which else there is no traffic need not be told. */
function toParts(items: readonly ChangeItem[], possible: ReadonlySet<Family> | null): Part[] {
  const faces = new Map<PartyClass, Set<number>>();
  for (const { item } of items) faces.set(item.party, (faces.get(item.party) ?? new Set()).add(item.face));
  const parts = new Map<string, Part>();
  for (const { item, condition } of items) {
    const { party, face } = item;
    const own = faces.get(party) ?? new Set();
    const isWhole = party.faces.every(
      ({ families }, i) => own.has(i) || (possible !== null && !families.some((family) => possible.has(family))),
    );
    const families = isWhole ? null : (party.faces[face]?.families ?? []);
    const key = JSON.stringify([party.kind, conditionKey(condition), families]);
    const part = parts.get(key);
    if (part) part.classes.add(party);
    else parts.set(key, { kind: party.kind, condition, families, classes: new Set([party]) });
  }
  return [...parts.values()];
}
