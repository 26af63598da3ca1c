/**
 * Runs the benches: `npm run bench [-- SUITE] [--json FILE]`. Every figure is a median of
 * one run on this machine; only ratios compare between machines.
 */
import { writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { parseArgs, styleText } from "node:util";
import type { BenchResult } from "./result.ts";

type Suite = () => Promise<BenchResult[]>;

const suites: Readonly<Record<string, () => Promise<{ suite: Suite }>>> = {
  datapath: () => import("./datapath.ts"),
  policy: () => import("./policy.ts"),
  cni: () => import("./cni.ts"),
  observe: () => import("./observe.ts"),
  l7: () => import("./l7.ts"),
  bandwidth: () => import("./bandwidth.ts"),
};

interface Machine {
  readonly kernel: string;
  readonly cpu: string;
  readonly cpus: number;
  readonly memory: string;
  readonly node: string;
}

function describeMachine(): Machine {
  const [first] = cpus();
  return {
    kernel: release(),
    cpu: first?.model.trim() ?? "unknown",
    cpus: cpus().length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    node: process.version,
  };
}

function line({ suite, case: name, value, unit, target, runs, least = false }: BenchResult): string {
  const figure = value.toFixed(unit === "ratio" ? 3 : value < 10 ? 2 : 0);
  const wanted = target === null ? "" : `at ${least ? "least" : "most"} ${target}`;
  const isMissed = target !== null && (least ? value < target : value > target);
  const mark = target === null ? "" : isMissed ? "missed" : "met";
  const text = `${suite.padEnd(10)}${name.padEnd(32)}${figure.padStart(10)} ${unit.padEnd(14)}${wanted.padEnd(17)}${mark.padEnd(8)}${runs} runs`;
  return isMissed ? styleText("yellow", text) : text;
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: "string" } } });
const wanted = positionals.length > 0 ? positionals : Object.keys(suites);
const machine = describeMachine();
console.log(
  `Linux ${machine.kernel}, ${machine.cpus} x ${machine.cpu}, ${machine.memory}, Node ${machine.node}; medians of this run`,
);
const results: BenchResult[] = [];
for (const name of wanted) {
  const load = suites[name];
  if (!load) {
    console.error(`bench ${name}: there is no such suite; there are ${Object.keys(suites).join(", ")}`);
    process.exit(2);
  }
  const { suite } = await load();
  for (const result of await suite()) {
    results.push(result);
    console.log(line(result));
  }
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ machine, results }, null, 2)}\n`);
