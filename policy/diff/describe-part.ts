import type { AddressCell } from "#policy/simulate/address-cells.ts";
import type { Family, PartyClass, PartyKind, PartyMember } from "#policy/simulate/party-class.ts";
import { type PodName, describePods } from "./describe-pods.ts";
import { type AddressRange, formatRanges, listTexts, rangesOf } from "./describe-ranges.ts";
import type { NameCondition } from "./names.ts";
import type { GroupMember } from "./policy-change.ts";

/** Classes of one kind that are told of together. */
export interface Part {
  readonly kind: PartyKind;
  readonly condition: NameCondition | null;
  /** Null: by whatever family. */
  readonly families: readonly Family[] | null;
  readonly classes: Set<PartyClass>;
}

/** A part in words: what it is of, and how much of that. */
export interface PartText {
  readonly kind: PartyKind;
  readonly word: string;
  readonly rest: string;
  readonly members: readonly GroupMember[];
}

/** What kinds are called when all of them are meant. */
const WORDS: Readonly<Partial<Record<PartyKind, string>>> = {
  host: "its own node",
  "remote-node": "other nodes",
  "kube-apiserver": "the API server",
  world: "outside of the cluster",
};

/**
 * @param all Classes of the kind that matter, those of the part included.
 * @param indifferent Others.
 */
export function describePart(
  { kind, condition, families, classes }: Part,
  all: ReadonlySet<PartyClass>,
  indifferent: ReadonlySet<PartyClass>,
): PartText {
  const own = [...classes];
  const foreign = [...all].filter((one) => !classes.has(one));
  const { word, rest, members } = describeClasses(kind, own, foreign, [...indifferent]);
  const byFamilies = families ? ` by ${families.map((family) => `IPv${family}`).join(" and ")}` : "";
  const byNames = condition ? `, ${conditionText(condition)}` : "";
  const limits = { ...(families && { families }), ...(condition && { names: condition }) };
  return {
    kind,
    word,
    rest: `${rest}${byFamilies}${byNames}`,
    members: members.map((member): GroupMember => ({ ...member, ...limits })),
  };
}

/** One text for several parts: what holds for kinds alike is said once. */
export function joinTexts(parts: readonly PartText[]): string {
  const texts: string[] = [];
  const alike = new Map<string, { readonly place: number; readonly words: string[] }>();
  const rests = new Map(parts.map(({ kind, rest }) => [kind, rest]));
  const isEveryRole = rests.has("host") && rests.get("host") === rests.get("remote-node");
  for (const part of parts) {
    const { kind, word, rest, members } = part;
    const isUnplaced = kind !== "pod" && kind !== "world" && members.some(({ name }) => name.includes("/"));
    if (kind === "host" && isEveryRole) {
      texts.push(rest === "" ? "nodes" : `node${rest}`);
    } else if (kind === "remote-node") {
      if (!isEveryRole) texts.push(rest === "" || isUnplaced ? `${word}${rest}` : `node${rest}`);
    } else if (
      kind === "kube-apiserver" &&
      isUnplaced &&
      parts.some((one) => one.kind === "world" && isAlike(one, part))
    ) {
      // Wherever it may be: that is outside of the cluster, too.
    } else if (isUnplaced) {
      // Of these there are several, and rules seldom tell them apart.
      const same = alike.get(rest) ?? { place: texts.push("") - 1, words: [] };
      alike.set(rest, same);
      same.words.push(word);
      texts[same.place] = `${same.words.join(", ")}${rest}`;
    } else {
      texts.push(`${word}${rest}`);
    }
  }
  return texts.join("; ");
}

function isAlike(a: PartText, b: PartText): boolean {
  const [one, other] = [a, b].map(({ members }) => JSON.stringify(members.map((member) => ({ ...member, kind: "" }))));
  return one === other;
}

type Described = Pick<PartText, "word" | "rest" | "members">;

function describeClasses(
  kind: PartyKind,
  own: readonly PartyClass[],
  foreign: readonly PartyClass[],
  indifferent: readonly PartyClass[],
): Described {
  if (own.some(({ cells }) => cells.length > 0)) return describeCells(kind, own, foreign);
  const names = own.flatMap((one) => one.members.map(({ name }) => name)).sort();
  const members = names.map((name): GroupMember => ({ kind, name }));
  if (kind !== "pod") {
    return { word: WORDS[kind] ?? kind, rest: foreign.length === 0 ? "" : ` ${listTexts(names)}`, members };
  }
  const pods = (parties: readonly PartyClass[]): PodName[] => parties.flatMap((one) => one.members.map(toPodName));
  return { word: describePods(pods(own), pods(foreign), pods(indifferent)), rest: "", members };
}

function describeCells(kind: PartyKind, own: readonly PartyClass[], foreign: readonly PartyClass[]): Described {
  const chosen = new Set(own.flatMap(({ cells }) => cells));
  const missing = new Set(foreign.flatMap(({ cells }) => cells));
  const ranges = rangesOf(chosen, (cell) => missing.has(cell));
  const members = ranges.map(({ cidr, except }): GroupMember => ({
    kind,
    name: cidr,
    ...(except.length > 0 && { except }),
  }));
  const word = WORDS[kind] ?? kind;
  if (missing.size === 0) return { word, rest: "", members };
  return { ...rangeText(word, kind === "world", ranges, [...chosen, ...missing]), members };
}

/** @param isPlain Ranges alone say already what is meant. */
function rangeText(
  word: string,
  isPlain: boolean,
  ranges: readonly AddressRange[],
  cells: readonly AddressCell[],
): Pick<PartText, "word" | "rest"> {
  const wide = ranges.filter(({ cidr }) => cidr.endsWith("/0"));
  const narrow = formatRanges(ranges.filter(({ cidr }) => !cidr.endsWith("/0")));
  if (wide.length === 0) return isPlain ? { word: narrow, rest: "" } : { word, rest: ` at ${narrow}` };
  const holes = wide.flatMap(({ except }) => except);
  const isOfAll = wide.length === new Set(cells.map(({ cidr }) => cidr.family)).size;
  const family = isOfAll ? "" : ` by IPv${wide[0]?.cidr.includes(":") ? 6 : 4}`;
  const but = holes.length > 0 ? ` (but ${listTexts(holes)})` : "";
  return { word, rest: `${family}${but}${narrow === "" ? "" : ` and ${narrow}`}` };
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
