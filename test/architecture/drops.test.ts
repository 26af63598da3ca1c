import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { DropReason, SourceFile } from "#agent/datapath/layouts.gen.ts";
import { sourceFileName } from "#agent/flows/source-file.ts";
import { dropSites } from "#test/coverage/drop-sites.ts";
import { root, sourceFiles } from "./source-tree.ts";

const files = sourceFiles(["bpf"], /^bpf\/(lib\/)?[^/]+\.[ch]$/);
const sites = files.flatMap((file) => dropSites(file, readFileSync(join(root, file), "utf8")));

test("every reason of a drop is given somewhere in the datapath", () => {
  const given = new Set(sites.map(({ reason }) => reason));
  const unused = Object.entries(DropReason).filter(([, number]) => number !== DropReason.NONE && !given.has(number));
  expect(unused).toEqual([]);
});

test("a drop names the file that it is in, to the kernel and to who reads of it", () => {
  const wrong = sites.filter(({ file, fileNumber }) => sourceFileName(fileNumber) !== basename(file));
  expect(wrong).toEqual([]);
  const names = files.map((file) => basename(file));
  const missing = Object.values(SourceFile).filter((number) => number !== SourceFile.NONE);
  expect(missing.map(sourceFileName).filter((name) => !names.includes(name))).toEqual([]);
});

test("no two drops of one reason are in one line: nobody could tell them apart", () => {
  const places = sites.map(({ file, line, reason }) => `${file}:${line}:${reason}`);
  expect(places.filter((place, index) => places.indexOf(place) !== index)).toEqual([]);
});
