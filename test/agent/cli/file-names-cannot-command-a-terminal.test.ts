import { mkdirSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { weir } from "./cli-fixture.ts";

const commands = "a\u001b]0;owned\u0007\u009b2J";
const evil = `${commands}\nweir: fine.yaml`;
const inFolder = `${commands}fine.yaml`;
// eslint-disable-next-line no-control-regex
const commanding = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;

let folder: TemporaryFolder;
beforeEach(() => {
  folder = new TemporaryFolder();
  mkdirSync(folder.join("objects"));
  writeFileSync(folder.join(evil), "kind: Nonsense\n");
  writeFileSync(folder.join("objects", inFolder), "kind: Nonsense\n");
});
afterEach(() => folder[Symbol.dispose]());

test.each([
  ["validate", (file: string) => ["validate", file], 1],
  ["lint", (file: string) => ["lint", file], 1],
  ["lint of a folder", () => ["lint", "--objects", folder.join("objects")], 1],
  ["diff", (file: string) => ["diff", "--objects", folder.join("objects"), "--candidate", file], 2],
])("%s names the file on its line, without what commands a terminal", async (_, words, errors) => {
  const { exitCode, stdout, stderr } = await weir("/nowhere", "policy", ...words(folder.join(evil)));
  const printed = stdout + stderr;
  expect(exitCode).toBe(2);
  expect(printed).toContain("owned");
  expect(printed).not.toMatch(commanding);
  expect(printed.match(/fine\.yaml:1:7: kind: /g)).toHaveLength(errors);
  expect(printed).not.toMatch(/^weir: fine/m);
});

test.each([
  ["a file that is not there", ["policy", "validate", `none${evil}`]],
  ["a folder that is not there", ["policy", "lint", "--objects", `none${evil}`]],
  ["an option that nobody knows", ["policy", "validate", `--none${evil}`]],
])("%s is told without it, too", async (_, words) => {
  const { exitCode, stderr } = await weir("/nowhere", ...words);
  expect(exitCode).toBe(2);
  expect(stderr).toContain("owned");
  expect(stderr).not.toMatch(commanding);
});
