import type { AddressCell } from "#policy/simulate/address-cells.ts";
import type { Family, PartyClass, PartyKind, PartyMember } from "#policy/simulate/party-class.ts";
import type { ChangeItem } from "./change-item.ts";
import { type PodName, describePods } from "./describe-pods.ts";
import { formatRanges, listTexts, rangesOf } from "./describe-ranges.ts";
import type { Item } from "./end-change.ts";
import { type NameCondition, conditionKey } from "./names.ts";
import type { GroupMember, PartyGroup } from "./policy-change.ts";

/** What kinds are called when all of them are meant. */
const WORDS: Readonly<Partial<Record<PartyKind, string>>> = {
  host: "its own node",
  "remote-node": "other nodes",
  "kube-apiserver": "the API server",
  world: "outside of the cluster",
};

/** Items of one kind that are told of together. */
interface Part {
  readonly kind: PartyKind;
  readonly condition: NameCondition | null;
  readonly families: readonly Family[] | null;
  readonly items: Item[];
}

/**
 * Says who some items are.
 *
 * @param items In their order.
 * @param others All other items with which the other end could have traffic.
 * @param indifferent Items with which it cannot.
 */
export function partyGroup(
  items: readonly ChangeItem[],
  others: readonly Item[],
  indifferent: readonly Item[],
  example: string,
): PartyGroup {
  const parts = toParts(items);
  const chosen = new Set(items.map(({ item }) => item.party));
  const missing = others.filter(({ party }) => !chosen.has(party));
  const everybody = [...others, ...items.map(({ item }) => item)];
  const ofKind = (some: readonly Item[], kind: PartyKind): Item[] => some.filter(({ party }) => party.kind === kind);
  const described = parts.map((part) => describe(part, ofKind(everybody, part.kind), ofKind(indifferent, part.kind)));
  const isAnybody = parts.length > 1 && missing.length === 0 && parts.every(isPlain) && others.length === 0;
  const kinds = new Set(parts.map(({ kind }) => kind));
  const members = described.flatMap((one) => one.members);
  return {
    kind: isAnybody ? "anybody" : kinds.size === 1 ? (parts[0] as Part).kind : "several",
    description: isAnybody ? "anybody" : described.map(({ text }) => text).join("; "),
    example,
    count: members.length,
    members,
  };
}

function isPlain({ condition, families }: Part): boolean {
  return condition === null && families === null;
}

function toParts(items: readonly ChangeItem[]): Part[] {
  const faces = new Map<PartyClass, Set<number>>();
  for (const { item } of items) faces.set(item.party, (faces.get(item.party) ?? new Set()).add(item.face));
  const parts = new Map<string, Part>();
  for (const { item, condition } of items) {
    const { party, face } = item;
    const isWhole = faces.get(party)?.size === party.faces.length;
    const families = isWhole ? null : (party.faces[face]?.families ?? []);
    const key = JSON.stringify([party.kind, conditionKey(condition), families]);
    const part = parts.get(key);
    if (!part) parts.set(key, { kind: party.kind, condition, families, items: [item] });
    else if (!part.items.some((one) => one.party === party)) part.items.push(item);
  }
  return [...parts.values()];
}

interface Described {
  readonly text: string;
  readonly members: GroupMember[];
}

/** @param all Of this kind, those of the part included. */
function describe(part: Part, all: readonly Item[], indifferent: readonly Item[]): Described {
  const { kind, condition, families, items } = part;
  const classes = items.map(({ party }) => party);
  const own = new Set(classes);
  const foreign = [...new Set(all.map(({ party }) => party))].filter((party) => !own.has(party));
  const some = classes.some(({ cells }) => cells.length > 0)
    ? describeCells(kind, classes, foreign)
    : describeMembers(kind, classes, foreign, [...new Set(indifferent.map(({ party }) => party))]);
  const words = [
    some.text,
    ...(families ? [` by ${families.map((family) => `IPv${family}`).join(" and ")}`] : []),
    ...(condition ? [`, ${conditionText(condition)}`] : []),
  ];
  const members = some.members.map((member): GroupMember => ({
    ...member,
    ...(families && { families }),
    ...(condition && { names: condition }),
  }));
  return { text: words.join(""), members };
}

function describeMembers(
  kind: PartyKind,
  classes: readonly PartyClass[],
  foreign: readonly PartyClass[],
  indifferent: readonly PartyClass[],
): Described {
  const members = classes.flatMap((party) => party.members);
  const named = members.map(({ name }): GroupMember => ({ kind, name })).sort((a, b) => (a.name < b.name ? -1 : 1));
  if (kind === "pod") {
    const pods = (parties: readonly PartyClass[]): PodName[] => parties.flatMap((one) => one.members.map(toPodName));
    return { text: describePods(pods(classes), pods(foreign), pods(indifferent)), members: named };
  }
  const word = WORDS[kind] ?? kind;
  if (foreign.length === 0) return { text: word, members: named };
  const names = named.map(({ name }) => name);
  const list = listTexts(names);
  return { text: kind === "remote-node" ? `node ${list}` : `${word} ${list}`, members: named };
}

function describeCells(kind: PartyKind, classes: readonly PartyClass[], foreign: readonly PartyClass[]): Described {
  const chosen = new Set(classes.flatMap(({ cells }) => cells));
  const missing = new Set(foreign.flatMap(({ cells }) => cells));
  const ranges = rangesOf(chosen, (cell) => missing.has(cell));
  const members = ranges.map(({ cidr, except }): GroupMember => ({
    kind,
    name: cidr,
    ...(except.length > 0 && { except }),
  }));
  const word = WORDS[kind] ?? kind;
  if (missing.size === 0) return { text: word, members };
  const roots = ranges.filter(({ cidr }) => cidr.endsWith("/0"));
  const others = ranges.filter(({ cidr }) => !cidr.endsWith("/0"));
  const isEverywhere = isWide(roots, [...chosen, ...missing]);
  const texts = [
    ...(isEverywhere ? [withHoles(word, roots.flatMap(({ except }) => except))] : roots.map((root) => withHoles(`${word} by IPv${root.cidr.includes(":") ? 6 : 4}`, root.except))),
    ...(others.length > 0 ? [kind === "world" ? formatRanges(others) : `${word} at ${formatRanges(others)}`] : []),
  ];
  return { text: texts.join("; "), members };
}

/** Whether ranges are of both families, or of the only one that there is. */
function isWide(roots: readonly { readonly cidr: string }[], cells: readonly AddressCell[]): boolean {
  const families = new Set(cells.map(({ cidr }) => cidr.family));
  return roots.length > 0 && roots.length === families.size;
}

function withHoles(word: string, holes: readonly string[]): string {
  if (holes.length === 0) return word;
  return `${word} (but ${listTexts(holes)})`;
}

function toPodName({ name, ends }: PartyMember): PodName {
  const subject = ends[0]?.parties.at(-1)?.subject;
  return { name, namespace: subject?.namespace ?? "", labels: subject?.labels ?? {} };
}

function conditionText({ known, unknown }: NameCondition): string {
  const or = (texts: readonly string[]): string =>
    texts.length <= 4 ? texts.join(" or ") : `${texts.slice(0, 3).join(", ")} or ${texts.length - 3} other names`;
  const words = [
    ...(known.length > 0 ? [`known as ${known.map(or).join(" and ")}`] : []),
    ...(unknown.length > 0 ? [`not ${known.length > 0 ? "" : "known "}as ${or(unknown)}`] : []),
  ];
  return words.join(" and ");
}

