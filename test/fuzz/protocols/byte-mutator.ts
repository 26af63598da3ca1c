import type { Random } from "#test/support/random.ts";

/** Most bytes of an input. */
const LONGEST = 8192;
const EDGES = [0, 1, 0x0a, 0x0d, 0x20, 0x30, 0x7f, 0x80, 0xfe, 0xff];

/** Most inputs that are mutated further. */
const MOST = 1000;

/**
 * Makes inputs out of good ones: bytes that are missing, doubled, elsewhere, others. Those to which something new was said
 * are mutated further: so inputs come deeper.
 */
export class ByteMutator {
  readonly #random: Random;
  readonly #pool: Buffer[];
  readonly #tokens: readonly Buffer[];
  readonly #seen = new Set<string>();

  /** @param tokens What has a meaning in the protocol, or comes close to it. */
  constructor(
    random: Random,
    { seeds, tokens }: { readonly seeds: readonly Buffer[]; readonly tokens: readonly Buffer[] },
  ) {
    this.#random = random;
    this.#pool = [...seeds];
    this.#tokens = tokens;
  }

  /** How many different things were said. */
  get seen(): number {
    return this.#seen.size;
  }

  next(): Buffer {
    const random = this.#random;
    let bytes = random.pick(this.#pool);
    for (let n = random.integer(1, 4); n > 0; n--)
      bytes = mutateOnce(random, bytes, random.pick(this.#pool), this.#tokens);
    return bytes.subarray(0, LONGEST);
  }

  /** Learns what was said to an input. */
  learn(bytes: Buffer, said: string): void {
    if (this.#pool.length >= MOST || this.#seen.has(said)) return;
    this.#seen.add(said);
    this.#pool.push(bytes);
  }
}

function mutateOnce(random: Random, bytes: Buffer, other: Buffer, tokens: readonly Buffer[]): Buffer {
  const start = random.integer(0, bytes.length);
  const end = Math.min(bytes.length, start + random.integer(0, random.chance(0.2) ? 200 : 6));
  const [before, piece, after] = [bytes.subarray(0, start), bytes.subarray(start, end), bytes.subarray(end)];
  switch (random.integer(0, 6)) {
    case 0:
      return Buffer.concat([before, after]);
    case 1:
      return Buffer.concat([before, ...Array.from({ length: random.integer(2, 20) }, () => piece), after]);
    case 2:
      return Buffer.concat([before, random.pick(tokens), random.chance(0.5) ? piece : Buffer.alloc(0), after]);
    case 3:
      return Buffer.concat([before, other.subarray(random.integer(0, other.length))]);
    case 4:
      return Buffer.concat([bytes, other]);
    case 5: {
      const changed = Buffer.from(bytes);
      if (start < changed.length) changed[start] = (changed[start] ?? 0) ^ (1 << random.integer(0, 7));
      return changed;
    }
    default: {
      const changed = Buffer.from(bytes);
      if (start < changed.length) changed[start] = random.chance(0.5) ? random.pick(EDGES) : random.integer(0, 255);
      return changed;
    }
  }
}

/** Cuts bytes into pieces, as a network may. */
export function cutAnywhere(random: Random, bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  const most = random.pick([3, 16, 100, 1000]);
  for (let at = 0; at < bytes.length;) {
    const end = at + random.integer(1, most);
    pieces.push(bytes.subarray(at, end));
    at = end;
  }
  return pieces;
}
