import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root, sourceFiles } from "./source-tree.ts";

const limit = 500;

test(`no source file has more than ${limit} lines, but for generated ones`, () => {
  const files = sourceFiles(["agent", "bpf", "cni", "policy", "test", ".dev"], /\.(ts|mjs|c|h)$/);
  const sizes = files
    .filter((file) => !file.endsWith(".gen.ts"))
    .map((file) => ({ file, lines: readFileSync(join(root, file), "utf8").split("\n").length - 1 }));
  expect(sizes.filter(({ lines }) => lines > limit)).toEqual([]);
});
