/**
 * What clang writes of a function under `-fcoverage-mapping`: which piece of the source belongs to
 * which counter. The format is described in LLVM's "Code Coverage Mapping Format"; versions 6 and 7 are the same here.
 */
import { inflateSync } from "node:zlib";
import { ByteReader } from "./byte-reader.ts";

/** A place in the source; both count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/**
 * How often a piece of source ran: a sum of counters, each with its factor. None at all: the program file does
 * not use the function.
 */
export type Terms = ReadonlyMap<number, number>;

/** A piece of source that runs to its end once it has begun. */
export interface MappedBlock extends Place {
  readonly terms: Terms;
}

interface Region extends Place {
  readonly kind: "code" | "gap" | "other";
  readonly terms: Terms;
}

/** The use of a macro. */
interface Expansion extends Place {
  readonly kind: "expansion";
  /** Index of what it stands for, as if that were a file. */
  readonly of: number;
}

/** Bit of a region's last column: it is the room between two pieces. */
const gapBit = 2 ** 31;
const expansionBit = 4;
/** What a number speaks of, by its lowest two bits; the rest of it is an index. */
const tag = { zero: 0, counter: 1, difference: 2, sum: 3 } as const;
const kindBranch = 4;

/** The names of the source files, by index. `data` is what follows the header of `__llvm_coverage_mapping`. */
export function fileNames(data: Uint8Array): string[] {
  const reader = new ByteReader(data);
  const [count = 0, plain = 0, compressed = 0] = reader.numbers(3);
  const names = new ByteReader(compressed > 0 ? inflateSync(reader.take(compressed)) : reader.take(plain));
  return Array.from({ length: count }, () =>
    Buffer.from(names.take(names.number()))
      .toString()
      .replace(/^(\.\/)+/, ""),
  );
}

/**
 * The blocks of one function, by its mapping: pieces that run equally often are one block, which is where the
 * first of them begins. One that is nowhere but inside a macro is where the macro is used.
 */
export function blocksOf(mapping: Uint8Array, names: readonly string[]): MappedBlock[] {
  const reader = new ByteReader(mapping);
  const files = reader.numbers();
  const pairs = Array.from({ length: reader.number() }, () => reader.numbers(2));
  const termsOf = (value: number): Terms => {
    const index = Math.floor(value / 4);
    const kind = value & 3;
    if (kind === tag.zero) return new Map();
    if (kind === tag.counter) return new Map([[index, 1]]);
    const [left = 0, right = 0] = pairs[index] ?? [];
    return sum(termsOf(left), termsOf(right), kind === tag.difference ? -1 : 1);
  };
  const regions = files.map((file) => readRegions(reader, names[file] ?? "", termsOf));

  const [only, ...others] = regions.flat();
  if (only?.kind === "code" && only.terms.size === 0 && others.length === 0) return [blockAt(only, only.terms)];
  const blocks = new Map<string, MappedBlock>();
  const visit = (file: number, wanted: Region["kind"], from: Place | null): void => {
    for (const region of regions[file] ?? []) {
      if (region.kind === "expansion") visit(region.of, wanted, from ?? region);
      else if (region.kind === wanted && region.terms.size > 0) {
        const key = [...region.terms].map(([counter, factor]) => `${counter}*${factor}`).join("+");
        if (!blocks.has(key)) blocks.set(key, blockAt(from ?? region, region.terms));
      }
    }
  };
  visit(0, "code", null);
  visit(0, "gap", null);
  return [...blocks.values()];
}

function blockAt({ file, line, column }: Place, terms: Terms): MappedBlock {
  return { file, line, column, terms };
}

/** In the order of the counters, without those that cancel out. */
function sum(left: Terms, right: Terms, factor: number): Terms {
  const total = new Map(left);
  for (const [counter, value] of right) total.set(counter, (total.get(counter) ?? 0) + factor * value);
  return new Map([...total].filter(([, value]) => value !== 0).toSorted(([a], [b]) => a - b));
}

function readRegions(reader: ByteReader, file: string, termsOf: (value: number) => Terms): (Region | Expansion)[] {
  const count = reader.number();
  const regions: (Region | Expansion)[] = [];
  let line = 0;
  for (let i = 0; i < count; i++) {
    const header = reader.number();
    const isExpansion = (header & 3) === tag.zero && (header & expansionBit) !== 0;
    // With a counter of its own a region is code; else what it is stands above the tag and the bit of expansions.
    const kind = (header & 3) === tag.zero && !isExpansion ? Math.floor(header / 8) : 0;
    if (kind === kindBranch) reader.numbers(2);
    const [lineDelta = 0, column = 0, lineCount = 0, columnEnd = 0] = reader.numbers(4);
    line += lineDelta;
    const place = { file, line, column };
    // What a macro of a system header chooses between has no extent.
    const isEmpty = lineCount === 0 && columnEnd === column;
    if (isExpansion) regions.push({ ...place, kind: "expansion", of: Math.floor(header / 8) });
    else if (kind > 0 || isEmpty) regions.push({ ...place, kind: "other", terms: new Map() });
    else regions.push({ ...place, kind: columnEnd >= gapBit ? "gap" : "code", terms: termsOf(header) });
  }
  return regions;
}
