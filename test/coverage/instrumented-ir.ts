/**
 * LLVM's text as clang writes it with `-fprofile-instr-generate -fcoverage-mapping`, made into what a BPF
 * loader understands: counters in one data section, nothing of the profiling run time.
 */
import { blocksOf, fileNames, type MappedBlock } from "./coverage-mapping.ts";

export interface Instrumented {
  readonly text: string;
  /** With counters as the whole section has them. */
  readonly blocks: readonly MappedBlock[];
  /** How many the section has, of 64 bits each. */
  readonly counters: number;
}

const counterArrays = /^@__profc_(\S+) = .*\[(\d+) x i64\] .*, section "__llvm_prf_cnts".*$/gm;
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
  const firsts = new Map<string, number>();
  let counters = 0;
  for (const [, name = "", count] of text.matchAll(counterArrays)) {
    firsts.set(name, counters);
    counters += Number(count);
  }
  const blocks = [...text.matchAll(mappings)].flatMap(([, hash = "", mapping = ""]) =>
    blocksOf(bytes(mapping), files).map(({ terms, ...place }): MappedBlock => {
      if (terms.size === 0) return { ...place, terms };
      const first = firsts.get(functionOf.get(hash) ?? "");
      if (first === undefined) throw new Error(`instrument ${place.file}:${place.line}: its counters are not found`);
      return { ...place, terms: new Map([...terms].map(([counter, factor]) => [first + counter, factor])) };
    }),
  );
  return { text: edited(text, section), blocks, counters };
}

function edited(text: string, section: string): string {
  return text
    .replace(counterArrays, (line) =>
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
