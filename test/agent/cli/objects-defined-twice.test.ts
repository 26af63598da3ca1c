import { mkdirSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { type Outcome, weir } from "./cli-fixture.ts";

const group = (cidr: string): string => `apiVersion: cilium.io/v2
kind: CiliumCIDRGroup
metadata: {name: partners}
spec: {externalCIDRs: [${cidr}]}
`;

let folder: TemporaryFolder;
beforeEach(() => {
  folder = new TemporaryFolder();
  mkdirSync(folder.join("objects"));
  writeFileSync(folder.join("objects/a.yaml"), group("192.0.2.0/24"));
  writeFileSync(folder.join("objects/b.yaml"), `---\n${group("198.51.100.0/24")}`);
  writeFileSync(folder.join("flows.jsonl"), "");
});
afterEach(() => folder[Symbol.dispose]());

const policy = (...words: string[]): Promise<Outcome> => weir("/nowhere", "policy", ...words);
const said = "b.yaml:2:1: metadata.name: CiliumCIDRGroup//partners is already defined at ";

const commands: [string, string[]][] = [
  ["eval", ["--from", "192.0.2.1", "--to", "192.0.2.2", "--port", "80"]],
  ["diff", ["--promote"]],
  ["suggest", ["--flows", "@"]],
  ["lint", []],
];

test.each(commands)("%s --objects refuses an object of two files, with both places", async (command, more) => {
  const words = more.map((word) => (word === "@" ? folder.join("flows.jsonl") : word));
  expect(await policy(command, "--objects", folder.join("objects"), ...words)).toEqual({
    exitCode: 2,
    stdout: "",
    stderr: `weir policy ${command}: ${said}a.yaml:1\n`,
  });
});

test("validate and lint tell it of the files that they are given together", async () => {
  const [a, b] = [folder.join("objects/a.yaml"), folder.join("objects/b.yaml")];
  expect(await policy("validate", a, b)).toEqual({
    exitCode: 2,
    stdout: `${folder.join("objects")}/${said}${a}:1\n`,
    stderr: "weir policy validate: 1 error\n",
  });
  const linted = await policy("lint", a, b);
  expect([linted.exitCode, linted.stderr]).toEqual([2, `weir policy lint: ${folder.join("objects")}/${said}${a}:1\n`]);
});

test("a folder of candidates is held to the same, and a candidate replaces its namesake", async () => {
  mkdirSync(folder.join("before"));
  writeFileSync(folder.join("before/a.yaml"), group("203.0.113.0/24"));
  const diff = ["diff", "--objects", folder.join("before"), "--candidate"];
  const twice = await policy(...diff, folder.join("objects"));
  expect([twice.exitCode, twice.stderr]).toEqual([
    2,
    `weir policy diff: ${folder.join("objects")}/${said}${folder.join("objects/a.yaml")}:1\n`,
  ]);
  expect((await policy(...diff, folder.join("objects/a.yaml"))).exitCode).toBe(0);
});
