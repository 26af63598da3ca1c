import { NameAutomaton } from "./name-automaton.ts";
import { matchesName } from "#policy/model/name-match.ts";

/** DNS names that no rule can tell apart. */
export interface NameClass {
  /** What rules say of names that holds for these: names and patterns, sorted. Never empty. */
  readonly texts: readonly string[];
  /** One of these names. */
  readonly example: string;
}

export interface NameClasses {
  readonly classes: readonly NameClass[];
  /** False: the patterns overlap in more ways than were looked at. */
  readonly isComplete: boolean;
}

const EVERY_NAME = "*";

/**
 * All classes of names that the names and patterns of rules cut out: which of the texts can
 * hold for one and the same name.
 */
export function nameClasses(texts: Iterable<string>): NameClasses {
  const all = [...new Set(texts)].sort();
  const special = all.filter((text) => text !== EVERY_NAME);
  const { names, isComplete } = new NameAutomaton(special).names();
  // Where the search was cut short, each text is still met once.
  if (!isComplete) for (const text of special) names.push(text.replace("**.", "x.").replaceAll("*", "x"));
  if (all.includes(EVERY_NAME)) names.push("x");
  const classes = new Map<string, NameClass>();
  for (const example of names) {
    const own = all.filter((text) => matchesName(text, example));
    const key = own.join(" ");
    if (own.length > 0 && !classes.has(key)) classes.set(key, { texts: own, example });
  }
  return { classes: [...classes.keys()].sort().map((key) => classes.get(key) as NameClass), isComplete };
}
