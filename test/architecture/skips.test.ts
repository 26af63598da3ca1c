import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root, sourceFiles } from "./source-tree.ts";

test("no test is left out, or left alone, for good", () => {
  const pattern = /\b(test|it|describe|suite)(\.\w+)*\.(skip|only|todo|fails)\b/;
  const tests = sourceFiles(["test"], /\.test\.ts$/).filter((file) => !file.startsWith("test/architecture/"));
  expect(tests.filter((file) => pattern.test(readFileSync(join(root, file), "utf8")))).toEqual([]);
});
