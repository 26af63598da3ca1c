import { parseAllDocuments, stringify } from "yaml";
import type { Random } from "#test/support/random.ts";

/** Values that do not belong where they come to stand. */
export const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  17,
  1.5,
  65536,
  1e9,
  1e308,
  Number.NaN,
  Number.NEGATIVE_INFINITY,
  2 ** 53,
  "",
  " ",
  "x",
  "X",
  "80",
  "0x10",
  "~",
  "*",
  "**",
  "*.*",
  "a.b.",
  "-a",
  "a,b=c",
  "=",
  "ingress[0]=audit",
  "audit",
  "1/s",
  "2026-02-30T00:00:00Z",
  "10.0.0.0/8",
  "10.0.0.1/33",
  "0.0.0.0/0",
  "::/0",
  "::1/129",
  "::ffff:10.0.0.1/128",
  "fe80::1%eth0",
  "(a+)+$",
  "[",
  "(?<a>x){1000}{1000}",
  "reserved:host",
  "k8s:",
  "__proto__",
  "constructor",
  "é",
  "\u0000",
  "\u202e",
  "\u2028",
  "\ufeff",
  "\u{1f600}",
  "line\nline",
  "a".repeat(64),
  "a.".repeat(150),
  "9".repeat(400),
  [],
  {},
  [null],
  [[]],
  [{}],
  { a: 1 },
  { matchLabels: { a: "b" } },
  { "": "" },
];

type Tree = Record<string, unknown> | unknown[];

/** A place where a value stands. */
interface Place {
  readonly parent: Tree;
  readonly key: string | number;
}

/** Most values of a document: aliases and doubled lists may make it much larger than its text. */
const MOST = 5000;

/** A text with one document of another in which some values are others, or elsewhere. Null where that cannot be. */
export function mutateTree(random: Random, text: string, other: string): string | null {
  const root = { document: documentOf(random, text) };
  const strange = placesOf({ document: documentOf(random, other) });
  for (let n = random.integer(1, 4); n > 0; n--) {
    const places = placesOf(root);
    if (places.length === 0 || places.length >= MOST) return null;
    mutate(random, random.pick(places), () => valueAt(random.pick(random.chance(0.5) ? places : strange)));
  }
  if (placesOf(root).length >= MOST) return null;
  try {
    return format(random, root.document);
  } catch {
    // Nested too deeply, for the library or for JSON.
    return null;
  }
}

function documentOf(random: Random, text: string): unknown {
  try {
    const parsed = parseAllDocuments(text, { logLevel: "silent" });
    const documents = Array.isArray(parsed) ? parsed.filter(({ errors }) => errors.length === 0) : [];
    return documents.length === 0 ? null : (random.pick(documents).toJS() as unknown);
  } catch {
    // Aliases that are not defined, or too many, or nested too deeply.
    return null;
  }
}

function mutate(random: Random, place: Place, borrowed: () => unknown): void {
  const value = valueAt(place);
  const { parent, key } = place;
  const put = (next: unknown, at = key): void => {
    // Not by assignment: a key may be called __proto__.
    Object.defineProperty(parent, at, { value: next, writable: true, enumerable: true, configurable: true });
  };
  switch (random.integer(0, 8)) {
    case 0:
    case 1:
      return put(structuredClone(random.pick(ODD_VALUES)));
    case 2:
      return put(structuredClone(borrowed()));
    case 3:
      if (Array.isArray(parent)) parent.splice(Number(key), 1);
      else delete parent[key];
      return;
    case 4:
      if (!Array.isArray(parent)) put(value, random.pick(["x", `${key}s`, String(key).toUpperCase(), "spec", ""]));
      return;
    case 5:
      if (Array.isArray(parent)) parent.push(...new Array<unknown>(random.integer(1, 120)).fill(value));
      return;
    case 6:
      return put(nest(value, random.integer(1, random.chance(0.1) ? 120 : 3), random.chance(0.5)));
    case 7:
      if (typeof value === "string") put(mutateString(random, value));
      else if (typeof value === "number") put(value + random.pick([-1, 1, 0.5, 65535, -70000]));
      return;
    default:
      if (Array.isArray(value)) put(random.shuffle(value as unknown[]));
      else put([value, value]);
  }
}

function mutateString(random: Random, text: string): string {
  const at = random.integer(0, text.length);
  const piece = random.pick(["", "x", "-", ".", "/", ":", "*", "[0]", ",", "=", " ", "É", "\n", text]);
  return text.slice(0, at) + piece + text.slice(random.chance(0.5) ? at : at + 1);
}

function nest(value: unknown, depth: number, inLists: boolean): unknown {
  let nested = value;
  for (let i = 0; i < depth; i++) nested = inLists ? [nested] : { a: nested };
  return nested;
}

function valueAt({ parent, key }: Place): unknown {
  return Array.isArray(parent) ? parent[Number(key)] : parent[key];
}

function placesOf(root: Tree): Place[] {
  const places: Place[] = [];
  const trees: Tree[] = [root];
  for (let tree = trees.pop(); tree && places.length < MOST; tree = trees.pop()) {
    for (const [key, value] of Object.entries(tree)) {
      places.push({ parent: tree, key });
      if (typeof value === "object" && value !== null) trees.push(value as Tree);
    }
  }
  return places;
}

function format(random: Random, value: unknown): string {
  if (random.chance(0.3)) return JSON.stringify(value, null, random.pick([0, 1]));
  return stringify(value, { aliasDuplicateObjects: random.chance(0.5), lineWidth: random.pick([0, 20, 80]) });
}
