import { expect, test } from "vitest";
import { importsOf, sourceFiles } from "./source-tree.ts";

/** Imports that are there at run time, loaded with the file. */
const graph = new Map(
  sourceFiles(["agent", "bpf", "cni", "policy", "test", ".dev"], /\.ts$/).map((file) => [
    file,
    importsOf(file)
      .filter(({ ours, typeOnly, dynamic }) => ours && !typeOnly && !dynamic)
      .map(({ to }) => to),
  ]),
);

/** The first cycle that is reached from a file, or undefined. */
function findCycle(file: string, path: readonly string[], done: Set<string>): readonly string[] | undefined {
  const start = path.indexOf(file);
  if (start >= 0) return [...path.slice(start), file];
  if (done.has(file)) return undefined;
  for (const next of graph.get(file) ?? []) {
    const cycle = findCycle(next, [...path, file], done);
    if (cycle !== undefined) return cycle;
  }
  done.add(file);
  return undefined;
}

test("no file imports itself by way of others", () => {
  const done = new Set<string>();
  const cycles = [...graph.keys()].map((file) => findCycle(file, [], done)).filter((cycle) => cycle !== undefined);
  expect(cycles).toEqual([]);
});
