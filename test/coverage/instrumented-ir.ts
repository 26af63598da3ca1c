/**
 * LLVM's text as clang writes it with `-fprofile-instr-generate -fcoverage-mapping`, made into what a BPF
 * loader understands: counters in one data section, nothing of the profiling run time.
 */
import { type Place, blocksOf, fileNames } from "./coverage-mapping.ts";

/** A block of one object, and where in the section of counters its byte is. */
export interface ObjectBlock extends Place {
  /** Index among the function's blocks: two may begin at one place. */
  readonly index: number;
  /** Null: this object does not use the function. */
  readonly offset: number | null;
}

export interface Instrumented {
  readonly text: string;
  readonly blocks: readonly ObjectBlock[];
  /** Bytes of the section. */
  readonly size: number;
}

const counters = /^@__profc_(\S+) = .*\[(\d+) x i8\] .*, section "__llvm_prf_cnts".*$/gm;
const functions = /^@__profd_(\S+) = [^{]*\{[^}]*\} \{ i64 (-?\d+),/gm;
const mappings = /^@__covrec_\S+ = .*<\{ i64 (-?\d+), i32 \d+, i64 -?\d+, i64 -?\d+, \[\d+ x i8\] c"([^"]*)" \}>/gm;
const names = /^@__llvm_coverage_mapping = .*\[\d+ x i8\] c"([^"]*)" \}/m;
/** Of the run time, which nobody here has, and of the tables that are read here. */
const dropped = /^(@__profd_|@__covrec_|@__llvm_|\$__(profc|profd|covrec|llvm)_).*\n/gm;
const keptNames = /^(@llvm\.(?:compiler\.)?used = .*)\[\d+ x ptr\] \[(.*)\](, section .*)$/gm;

/**
 * @param section what the section of counters is called.
 * @throws Error where the text is not what clang 20 writes.
 */
export function instrumentedIr(text: string, section: string): Instrumented {
  const files = fileNames(bytes(names.exec(text)?.[1] ?? ""));
  const functionOf = new Map([...text.matchAll(functions)].map(([, name = "", hash = ""]) => [hash, name]));
  const offsets = new Map<string, number>();
  let size = 0;
  for (const [, name = "", count] of text.matchAll(counters)) {
    offsets.set(name, size);
    size += Number(count);
  }
  const blocks = [...text.matchAll(mappings)].flatMap(([, hash = "", mapping = ""]) =>
    blocksOf(bytes(mapping), files).map(({ counter, ...place }): ObjectBlock => {
      if (counter === null) return { ...place, index: 0, offset: null };
      const offset = offsets.get(functionOf.get(hash) ?? "");
      if (offset === undefined) throw new Error(`instrument ${place.file}:${place.line}: its counters are not found`);
      return { ...place, index: counter, offset: offset + counter };
    }),
  );
  return { text: edited(text, section), blocks, size };
}

function edited(text: string, section: string): string {
  return text
    .replace(counters, (line) =>
      line.replace(/, section "__llvm_prf_cnts"(, comdat(\(\S+\))?)?/, `, section "${section}"`),
    )
    .replace(dropped, "")
    .replace(keptNames, (_, before: string, list: string, after: string) => {
      const kept = list.split(", ").filter((name) => !/^ptr @__(profd|covrec|llvm)_/.test(name));
      return kept.length === 0 ? "" : `${before}[${kept.length} x ptr] [${kept.join(", ")}]${after}`;
    });
}

/** The bytes of LLVM's `c"..."`. */
function bytes(literal: string): Uint8Array {
  const text = literal.replace(/\\(\\|[0-9A-F]{2})/g, (_, code: string) =>
    code === "\\" ? code : String.fromCharCode(Number.parseInt(code, 16)),
  );
  return Buffer.from(text, "latin1");
}
