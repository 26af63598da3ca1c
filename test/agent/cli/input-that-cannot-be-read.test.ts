import { mkdirSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { type Outcome, weir } from "./cli-fixture.ts";

let folder: TemporaryFolder;
beforeEach(() => {
  folder = new TemporaryFolder();
  writeFileSync(folder.join("file"), "");
  mkdirSync(folder.join("empty"));
  mkdirSync(folder.join("objects/folder.yaml"), { recursive: true });
});
afterEach(() => folder[Symbol.dispose]());

const policy = (...words: string[]): Promise<Outcome> =>
  weir("/nowhere", "policy", ...words.map((word) => word.replace(/^@/, `${folder.path}/`)));
const ends = ["--from", "a/b", "--to", "a/c", "--port", "80"];

const cases: [string, string[], string][] = [
  ["eval", ["--objects", "@none", ...ends], "none: no such folder"],
  ["diff", ["--objects", "@none", "--promote"], "none: no such folder"],
  ["suggest", ["--objects", "@none", "--flows", "@file"], "none: no such folder"],
  ["lint", ["--objects", "@none"], "none: no such folder"],
  ["eval", ["--objects", "@file", ...ends], "file: is a file; a folder is wanted"],
  ["diff", ["--objects", "@file", "--promote"], "file: is a file; a folder is wanted"],
  ["suggest", ["--objects", "@file", "--flows", "@file"], "file: is a file; a folder is wanted"],
  ["lint", ["--objects", "@file"], "file: is a file; a folder is wanted"],
  ["eval", ["--objects", "@objects", ...ends], "objects/folder.yaml: is a folder; a file is wanted"],
  ["lint", ["--objects", "@objects"], "objects/folder.yaml: is a folder; a file is wanted"],
  ["diff", ["--objects", "@empty", "--candidate", "@none"], "none: no such file"],
  ["lint", ["@empty"], "empty: is a folder; a file is wanted"],
  ["validate", ["@none"], "none: no such file"],
  ["validate", ["@file/none"], "file/none: no such file"],
  ["validate", ["@empty"], "empty: is a folder; a file is wanted"],
  ["suggest", ["--flows", "@none"], "none: no such file"],
  ["suggest", ["--flows", "@empty"], "empty: is a folder; a file is wanted"],
  ["diff", ["--objects", "@empty", "--promote", "--flows", "@none"], "none: no such file"],
  ["diff", ["--objects", "@empty", "--promote", "--flows", "@empty"], "empty: is a folder; a file is wanted"],
];

test.each(cases)("%s %j ends with 2: %s", async (command, words, message) => {
  expect(await policy(command, ...words)).toEqual({
    exitCode: 2,
    stdout: "",
    stderr: `weir policy ${command}: read ${folder.join(message)}\n`,
  });
});
