/**
 * How much of the datapath's C the tests reach. Builds it with counters, runs tests with
 * that, and prints for each file how many of its blocks ran, and which did not; the same of drops.
 *
 *   npm run coverage [-- FILTER...]      test/kernel and test/node unless told
 */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { sources } from "#bpf/build.ts";
import { Collector } from "./collector.ts";
import { dropSites } from "./drop-sites.ts";
import { instrument } from "./instrument.ts";
import { blockCoverage, dropCoverage, type Reached, type SourceLines, summary } from "./source-coverage.ts";

/** Percent of the blocks that have to be reached. */
const wanted = 90;
/** Milliseconds between two looks at what was loaded: the verifier alone takes longer for a datapath. */
const interval = 20;

const root = resolve(import.meta.dirname, "../..");
const objectFolder = join(root, "dist/coverage");

const read = new Map<string, readonly string[]>();
const lines: SourceLines = (file) => {
  const known = read.get(file) ?? readFileSync(join(root, file), "utf8").split("\n");
  read.set(file, known);
  return known;
};

/** Runs the tests to their end, and looks after what they load. @returns their exit code. */
async function runTests(filters: readonly string[], collector: Collector): Promise<number> {
  const timer = setInterval(() => collector.look(), interval);
  const child = spawn(process.execPath, [join(root, "test/run.ts"), ...filters], {
    cwd: root,
    env: { ...process.env, WEIR_BPF_OBJECTS: objectFolder },
    stdio: "inherit",
  });
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  const { promise, resolve: done, reject } = Promise.withResolvers<number>();
  child.on("error", reject);
  child.on("exit", (code) => done(code ?? 1));
  try {
    return await promise;
  } finally {
    clearInterval(timer);
    collector.look();
  }
}

function printTable(blocks: readonly Reached[]): void {
  const byFile = [...Map.groupBy(blocks, ({ file }) => file)].map(([file, places]) => summary(file, places));
  const cell = (value: number | string): string => String(value).padStart(12);
  console.log(`${"file".padEnd(28)}${cell("blocks")}${cell("reached")}${cell("percent")}${cell("unreachable")}`);
  for (const { file, reachable, hit, percent, unreachable } of [...byFile, summary("all", blocks)]) {
    console.log(`${file.padEnd(28)}${cell(reachable)}${cell(hit)}${cell(percent.toFixed(1))}${cell(unreachable)}`);
  }
}

/** Prints the lines with places that are not as they should be. */
function printPlaces(title: string, places: readonly Reached[]): void {
  if (places.length === 0) return;
  console.log(`${title}:`);
  for (const [where, [first]] of Map.groupBy(places, ({ file, line }) => `${file}:${line}`)) {
    console.log(`  ${where.padEnd(28)}${first ? (lines(first.file)[first.line - 1]?.trim() ?? "") : ""}`);
  }
}

const missed = (places: readonly Reached[]): Reached[] => places.filter((place) => !place.hit && !place.unreachable);

const filters = process.argv.slice(2);
const objects = sources().map((source) => instrument(source, objectFolder));
using collector = new Collector(objects);
const testsFailed = (await runTests(filters.length > 0 ? filters : ["test/kernel", "test/node"], collector)) !== 0;

const blocks = blockCoverage(objects, collector.counts(), lines);
const sourceFiles = readdirSync(join(root, "bpf"), { recursive: true, encoding: "utf8" })
  .filter((name) => /\.[ch]$/.test(name) && !name.startsWith("include/"))
  .map((name) => `bpf/${name}`)
  .toSorted();
const drops = dropCoverage(
  sourceFiles.flatMap((file) => dropSites(file, lines(file).join("\n"))),
  collector.drops(),
  lines,
);
printPlaces("blocks that no test reaches", missed(blocks));
printPlaces("drops that no test shows, with their file and line", missed(drops));
const wrong = [...blocks, ...drops].filter((place) => place.unreachable && place.hit);
printPlaces("reached, though the comment there says that they are not", wrong);
printTable(blocks);
const all = summary("all", blocks);
const ofDrops = summary("drops", drops);
console.log(`drops: ${ofDrops.hit} of ${ofDrops.reachable} shown by a test, ${ofDrops.unreachable} unreachable`);

const problems = [
  ...(testsFailed ? ["tests failed"] : []),
  ...(all.percent < wanted ? [`${all.percent.toFixed(1)} % of the blocks were reached, ${wanted} % are wanted`] : []),
  ...(ofDrops.hit < ofDrops.reachable ? [`${ofDrops.reachable - ofDrops.hit} drops were not shown`] : []),
  ...(wrong.length > 0 ? [`${wrong.length} places are reached though a comment says that they are not`] : []),
];
for (const problem of problems) console.log(`FAILED ${problem}`);
process.exitCode = problems.length > 0 ? 1 : 0;
