import { formatLocatedError } from "#policy/parse/located-error.ts";
import { Random } from "#test/support/random.ts";
import { mutateText } from "./mutate-text.ts";
import { mutateTree } from "./mutate-tree.ts";
import type { ParseOutcome } from "./parse-invariant.ts";

/** Most characters of an input. */
export const LONGEST = 65_536;
/** Most inputs that are mutated further. */
const MOST = 2000;

/**
 * Makes inputs out of good files. Those that led the parser to something that it had not
 * said before are mutated further: so inputs come deeper into it.
 */
export class Mutator {
  readonly #random: Random;
  readonly #pool: string[];
  readonly #others: readonly string[];
  readonly #seen = new Set<string>();

  /** @param others Files of other targets, pieces of which are mixed in. */
  constructor(seed: number, corpus: readonly string[], others: readonly string[]) {
    this.#random = new Random(seed);
    this.#pool = [...corpus];
    this.#others = others;
  }

  /** How many different things the parser has said. */
  get seen(): number {
    return this.#seen.size;
  }

  next(): string {
    const random = this.#random;
    const text = random.pick(this.#pool);
    const other = random.pick(random.chance(0.5) ? this.#pool : this.#others);
    const tree = random.chance(0.6) ? (mutateTree(random, text, other) ?? text) : text;
    const mutated = tree === text || random.chance(0.3) ? mutateText(random, tree, other) : tree;
    // What is read from a file is well formed, and so can be kept in one.
    return mutated.slice(0, LONGEST).toWellFormed();
  }

  /** Learns what became of an input. */
  learn(text: string, { parsed }: ParseOutcome): void {
    const said = parsed?.ok === false ? parsed.errors : [];
    for (const error of said.slice(0, 20)) {
      const shape = formatLocatedError(error).replace(/^\S+ |"(?:[^"]|"(?! ))*"|[0-9]+/g, "#");
      if (this.#seen.has(shape) || this.#pool.length >= MOST) continue;
      this.#seen.add(shape);
      this.#pool.push(text);
    }
  }
}
