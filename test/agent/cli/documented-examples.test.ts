import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { weir } from "./cli-fixture.ts";

const root = resolve(import.meta.dirname, "../../..");

interface Example {
  readonly argv: readonly string[];
  readonly output: string;
}

/** Blocks of a page that begin with `$ weir` or `$ dist/weir`. */
function examplesOf(page: string): Example[] {
  const text = readFileSync(join(root, page), "utf8");
  return [...text.matchAll(/^```\n\$ (?:dist\/)?weir ([^\n]+)\n([^]*?)^```$/gm)].map(
    ([, command = "", output = ""]) => {
      const words = (command.match(/"[^"]*"|[^ ]+/g) ?? []).map((word) => word.replaceAll('"', ""));
      const argv = words.map((word) => (word.startsWith("test/") ? join(root, word) : word));
      return { argv, output };
    },
  );
}

const pages = [
  "README.md",
  "policy/HOWTO.md",
  "policy/diff/README.md",
  "policy/simulate/README.md",
  "policy/lint/README.md",
  "policy/suggest/README.md",
];

test.each(pages)("%s shows what weir prints", async (page) => {
  const examples = examplesOf(page);
  expect(examples.length).toBeGreaterThan(0);
  for (const { argv, output } of examples) {
    const { stdout } = await weir("/nowhere", ...argv);
    expect(stdout.replaceAll(`${root}/`, "")).toBe(output);
  }
});
