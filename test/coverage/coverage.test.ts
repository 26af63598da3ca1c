import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { BpfObject } from "libbpf-ts";
import { objectName } from "#bpf/build.ts";
import { needs } from "#test/support/requirement.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { Collector } from "./collector.ts";
import { instrument } from "./instrument.ts";
import { blockCoverage, summary } from "./source-coverage.ts";

beforeEach(needs("root"));

const root = resolve(import.meta.dirname, "../..");
const source = "test/fixtures/bpf/blocks.c";
const text = readFileSync(join(root, source), "utf8").split("\n");

/** The lines with a block that did not run, when the programs ran with these marks. */
function missed(runs: readonly (readonly ["first" | "second", number])[]): string[] {
  using folder = new TemporaryFolder();
  const instrumented = instrument(join(root, source), folder.path);
  using collector = new Collector([instrumented]);
  {
    using object = BpfObject.open(readFileSync(folder.join(objectName(source))), "blocks");
    object.load();
    collector.look();
    for (const [name, mark] of runs) {
      using program = object.program(name);
      program.testRun({ data: new Uint8Array(64), context: { mark } });
    }
  }
  // The programs are gone; what they noted is not.
  const blocks = blockCoverage([instrumented], collector.counts(), () => text);
  expect(new Set(blocks.map(({ file }) => file))).toEqual(new Set([source]));
  const { unreachable } = summary(source, blocks);
  expect(unreachable).toBe(1);
  const lines = blocks.filter(({ hit, unreachable: apart }) => !hit && !apart).map(({ line }) => line);
  return [...new Set(lines)].map((line) => text[line - 1]?.trim() ?? "");
}

test("blocks that ran are told from those that did not: branches, cases, loops, operands, macros, functions", () => {
  expect(missed([["first", 1]])).toEqual([
    "{", // unused
    "return PICK(value > 10, 3, 4);",
    "int sum = skb->mark > 5 && skb->len > 1000;",
    "case bpf_htons(2):",
    "default:",
    "for (int i = 0; i < 3; i++)",
    "sum += skb->mark == 7 ? i : 0;",
    "{", // second
  ]);
});

test("what several runs of several programs reach is reached; the choice that none of them made is left", () => {
  const runs = [1, 2, 7].map((mark) => ["first", mark] as const);
  expect(missed([...runs, ["second", 0]])).toEqual(["{", "sum += skb->mark == 7 ? i : 0;"]);
  expect(missed([...runs, ["first", 8], ["second", 0]])).toEqual(["{"]);
});
