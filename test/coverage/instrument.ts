/** Compiles program files of the datapath so that each block of theirs notes that it ran. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { clang, objectName, sourceFlags, targetFlags } from "#bpf/build.ts";
import type { MappedBlock } from "./coverage-mapping.ts";
import { instrumentedIr } from "./instrumented-ir.ts";

export interface InstrumentedObject {
  /** Of the map that has the counters; no two contents have the same. */
  readonly map: string;
  readonly counters: number;
  readonly blocks: readonly MappedBlock[];
}

/** Counters of 64 bits, one for each choice; atomic, because blocks are told by differences of them. */
const instrumentation = [
  "-fprofile-instr-generate",
  "-fprofile-update=atomic",
  "-fcoverage-mapping",
  "-isystem",
  join(import.meta.dirname, "include"),
];

/** Writes the object into a folder, under the name that it always has. */
export function instrument(source: string, folder: string): InstrumentedObject {
  mkdirSync(folder, { recursive: true });
  const name = basename(source);
  const object = join(folder, objectName(source));
  const intermediate = `${object}.ll`;
  clang([...instrumentation, ...sourceFlags, "-S", "-emit-llvm", source, "-o", intermediate], name);
  const original = readFileSync(intermediate, "utf8");
  // Names of maps have at most 15 characters, and libbpf takes sections of this beginning only.
  const map = `.data.${createHash("sha256").update(original).digest("hex").slice(0, 9)}`;
  const { text, blocks, counters } = instrumentedIr(original, map);
  writeFileSync(intermediate, text);
  clang([...targetFlags, "-Xclang", "-disable-llvm-passes", "-c", intermediate, "-o", object], name);
  return { map, counters, blocks };
}
