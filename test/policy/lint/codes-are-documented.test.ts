import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { CATALOGUE } from "#policy/lint/catalogue.ts";

test("every code is a heading of the page, under its severity", () => {
  const page = readFileSync(resolve(import.meta.dirname, "../../../policy/lint/README.md"), "utf8");
  const [, ...sections] = page.split(/^## /m);
  const documented = sections.flatMap((section) => {
    const [title = ""] = section.split("\n");
    return [...section.matchAll(/^### `([a-z0-9-]+)`$/gm)].map(([, code]) => [code, title]);
  });
  const titles = { error: "Errors", warning: "Warnings", info: "Information" };
  const expected = Object.entries(CATALOGUE).map(([code, { severity }]) => [code, titles[severity]]);
  expect(documented.sort()).toEqual(expected.sort());
});
