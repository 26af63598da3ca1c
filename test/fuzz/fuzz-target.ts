import { corpusOf, keepBytes, keepText, targets } from "./corpus.ts";
import { Mutator } from "./mutator.ts";
import { parseAnything } from "./parse-invariant.ts";
import { ByteMutator } from "./protocols/byte-mutator.ts";
import { protocolTargets, tryBytes } from "./protocols/try-bytes.ts";
import { Random } from "#test/support/random.ts";

/** What is given inputs; bytes are texts in Latin-1. */
export interface FuzzTarget {
  next(): string;
  /** What harm an input does; null: none. */
  fault(input: string): Promise<string | null>;
  /** How many different things were said to the inputs so far. */
  readonly seen: number;
  /** Keeps an input that did harm, for good. Returns its path. */
  keep(input: string): string;
}

/** Kinds of policy files, then protocols. */
export function fuzzTargets(): string[] {
  return [...targets(), ...protocolTargets.keys()];
}

export function fuzzTarget(name: string, seed: number): FuzzTarget {
  return protocolTargets.has(name) ? new ProtocolFuzz(name, seed) : new FileFuzz(name, seed);
}

class FileFuzz implements FuzzTarget {
  readonly #name: string;
  readonly #mutator: Mutator;

  constructor(name: string, seed: number) {
    const texts = (target: string): string[] => corpusOf(target).map(({ text }) => text);
    const others = targets().filter((other) => other !== name);
    this.#name = name;
    this.#mutator = new Mutator(seed, texts(name), others.flatMap(texts));
  }

  get seen(): number {
    return this.#mutator.seen;
  }

  next(): string {
    return this.#mutator.next();
  }

  async fault(input: string): Promise<string | null> {
    const outcome = parseAnything(input);
    this.#mutator.learn(input, outcome);
    return outcome.violation;
  }

  keep(input: string): string {
    return keepText(this.#name, input);
  }
}

class ProtocolFuzz implements FuzzTarget {
  readonly #name: string;
  readonly #random: Random;
  readonly #mutator: ByteMutator;

  constructor(name: string, seed: number) {
    this.#name = name;
    this.#random = new Random(seed);
    this.#mutator = new ByteMutator(this.#random, this.#target);
  }

  get #target() {
    const target = protocolTargets.get(this.#name);
    if (target === undefined) throw new Error(`there is no protocol ${this.#name}`);
    return target;
  }

  get seen(): number {
    return this.#mutator.seen;
  }

  next(): string {
    return this.#mutator.next().toString("latin1");
  }

  async fault(input: string): Promise<string | null> {
    const bytes = Buffer.from(input, "latin1");
    const { violation, told } = await tryBytes(this.#target, bytes, this.#random);
    this.#mutator.learn(bytes, told);
    return violation;
  }

  keep(input: string): string {
    return keepBytes(this.#name, Buffer.from(input, "latin1"));
  }
}
