import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { versions } from "./result-schema.ts";

const folder = import.meta.dirname;
const id = String.raw`(?:cni|gc|version|code)-[\d.]+`;

/** Files whose tests have an obligation in their titles, by obligation. */
function titles(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".test.ts"))) {
    const text = readFileSync(join(folder, file), "utf8");
    for (const [, list = ""] of text.matchAll(new RegExp(`test\\(\\s*["\`]((?:${id}(?:, )?)+): `, "g"))) {
      for (const each of list.split(", ")) found.set(each, [...(found.get(each) ?? []), file.replace(".test.ts", "")]);
    }
  }
  return new Map([...found].map(([each, files]) => [each, [...new Set(files)].toSorted()]));
}

/** The rows of the table. */
function rows(): [string, string[]][] {
  const lines = readFileSync(join(folder, "README.md"), "utf8").split("\n");
  return lines.flatMap((line) => {
    const [, each, files] = new RegExp(`^\\| (${id}) \\|.*\\| ([^|]+) \\|$`).exec(line) ?? [];
    return each === undefined || files === undefined ? [] : [[each, files.split(", ").toSorted()]];
  });
}

test("the table names every obligation once, and the tests that have it in their titles", () => {
  const table = rows();
  expect(table.map(([each]) => each).toSorted()).toEqual([...titles().keys()].toSorted());
  expect(Object.fromEntries(table)).toEqual(Object.fromEntries(titles()));
});

test("no obligation, no version and no code of errors is left out", () => {
  const known = new Set(rows().map(([each]) => each));
  const numbers = Array.from({ length: 94 }, (_, index) => index + 1);
  expect(numbers.filter((number) => !known.has(`cni-${number}`) && !known.has(`gc-${number}`))).toEqual([]);
  expect(versions.filter((version) => !known.has(`version-${version}`))).toEqual([]);
  expect([1, 2, 3, 4, 5, 6, 7, 8, 11, 50, 51, 100].filter((code) => !known.has(`code-${code}`))).toEqual([]);
});
