import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { isAllowed } from "./import-directions.ts";
import { importsOf, root, sourceFiles } from "./source-tree.ts";

const files = sourceFiles(["agent", "bpf", "cni", "policy"], /\.ts$/);

test("every folder imports only what its row of the table names", () => {
  const wrong = files.flatMap(importsOf).filter((entry) => !isAllowed(entry));
  expect(wrong.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
});

test("the table forbids what it should", () => {
  const edge = (from: string, to: string, dynamic = false) => ({ from, to, ours: true, typeOnly: false, dynamic });
  expect(isAllowed(edge("policy/compile/engine.ts", "agent/main.ts"))).toBe(false);
  expect(isAllowed(edge("agent/cli/main.ts", "agent/local/cleanup.ts"))).toBe(false);
  expect(isAllowed(edge("agent/cli/main.ts", "agent/local/cleanup.ts", true))).toBe(true);
  expect(isAllowed({ ...edge("policy/parse/objects.ts", "node:fs"), ours: false })).toBe(false);
});

test("relative imports stay inside their folder of the layout", () => {
  const partOf = (path: string) => path.split("/", path.startsWith("agent/") ? 2 : 1).join("/");
  const text = (path: string) => readFileSync(join(root, path), "utf8");
  const climbing = files.filter((file) =>
    [...text(file).matchAll(/ from "(\.[^"]+)"/g)].some(
      ([, specifier = ""]) => partOf(normalize(join(dirname(file), specifier))) !== partOf(file),
    ),
  );
  expect(climbing).toEqual([]);
});
