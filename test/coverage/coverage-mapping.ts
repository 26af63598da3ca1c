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

/** A piece of source that runs from its beginning to its end once it has begun. */
export interface MappedBlock extends Place {
  /** Index among the function's counters; null: the program file does not use the function. */
  readonly counter: number | null;
}

interface Region extends Place {
  readonly kind: "code" | "gap" | "expansion" | "other";
  /** Index of the counter; of an expansion the file that it stands for. */
  readonly value: number | null;
}

/** Bit of a region's last column: it is the room between two pieces. */
const gapBit = 2 ** 31;
const tagCounter = 1;
const expansionBit = 4;
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
 * The blocks of one function, by its mapping: one for each counter, where the counter's first piece
 * begins. One that is nowhere but inside a macro is where the macro is used.
 */
export function blocksOf(mapping: Uint8Array, names: readonly string[]): MappedBlock[] {
  const reader = new ByteReader(mapping);
  const files = reader.numbers();
  const expressions = reader.number();
  if (expressions > 0) throw new Error("read coverage mapping: it has expressions of counters, not one a block");
  const regions = files.map((file) => readRegions(reader, names[file] ?? ""));

  const unused = regions[0]?.[0];
  if (unused?.kind === "code" && unused.value === null && regions.length === 1 && regions[0]?.length === 1) {
    return [{ ...placeOf(unused), counter: null }];
  }
  const places = new Map<number, Place>();
  const visit = (file: number, kinds: readonly Region["kind"][], from: Place | null): void => {
    for (const region of regions[file] ?? []) {
      if (region.value === null) continue;
      if (region.kind === "expansion") visit(region.value, kinds, from ?? placeOf(region));
      else if (kinds.includes(region.kind) && !places.has(region.value)) {
        places.set(region.value, from ?? placeOf(region));
      }
    }
  };
  visit(0, ["code"], null);
  visit(0, ["gap"], null);
  return [...places].map(([counter, place]) => ({ ...place, counter }));
}

function placeOf({ file, line, column }: Place): Place {
  return { file, line, column };
}

function readRegions(reader: ByteReader, file: string): Region[] {
  const count = reader.number();
  const regions: Region[] = [];
  let line = 0;
  for (let i = 0; i < count; i++) {
    const header = reader.number();
    const tag = header & 3;
    const isExpansion = tag === 0 && (header & expansionBit) !== 0;
    // With a counter of its own a region is code; else what it is stands above the tag and the bit of expansions.
    const kind = tag === 0 && !isExpansion ? Math.floor(header / 8) : 0;
    if (kind === kindBranch) reader.numbers(2);
    const [lineDelta = 0, column = 0, lineCount = 0, columnEnd = 0] = reader.numbers(4);
    line += lineDelta;
    // What a macro of a system header chooses between has no extent.
    const isEmpty = lineCount === 0 && columnEnd === column;
    regions.push({
      file,
      line,
      column,
      kind: isExpansion ? "expansion" : kind > 0 || isEmpty ? "other" : columnEnd >= gapBit ? "gap" : "code",
      value: isExpansion ? Math.floor(header / 8) : tag === tagCounter ? Math.floor(header / 4) : null,
    });
  }
  return regions;
}
