import { readFileSync } from "node:fs";
import { release } from "node:os";
import { resolve } from "node:path";
import { BpfObject, type VerifierStatistics } from "libbpf-ts";
import * as z from "zod";

/** What one program costs, as the table has it. */
const cost = z.object({
  /** Of the program as loaded, after dead code is removed. */
  instructions: z.int(),
  /** Looked at by the verifier. */
  verified: z.int(),
  states: z.int(),
  /** Bytes on the deepest way: at most 512. */
  stack: z.int(),
});
export type ProgramCost = z.infer<typeof cost>;

/** By kernel (`6.18`), then program. */
const table = z.record(z.string(), z.record(z.string(), cost));
export type BudgetTable = z.infer<typeof table>;

export const budgetPath = resolve(import.meta.dirname, "../../bpf/verifier-budget.json");

export function readBudget(): BudgetTable {
  return table.parse(JSON.parse(readFileSync(budgetPath, "utf8")));
}

/** Major and minor version of the running kernel: what the verifier counts changes with it. */
export function kernelVersion(): string {
  return release().split(".").slice(0, 2).join(".");
}

/** Loads an object, attached to nothing, and says what its programs cost. */
export function measure(path: string): Record<string, ProgramCost> {
  using object = BpfObject.open(path, "measured");
  for (const program of object.programNames) object.askStatistics(program);
  object.load();
  return Object.fromEntries(
    object.programNames.map((name) => {
      using program = object.program(name);
      const said = object.statistics(name);
      if (!said) throw new Error(`measure ${name}: the verifier gave no statistics`);
      return [name, toCost(program.info.translatedSize / 8, said)];
    }),
  );
}

function toCost(instructions: number, { instructions: verified, states, stack }: VerifierStatistics): ProgramCost {
  return { instructions, verified, states, stack: Math.max(...stack) };
}
