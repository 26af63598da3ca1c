import { SourceFile } from "#agent/datapath/layouts.gen.ts";

/** Those that are programs; all others are headers. */
const programs: ReadonlySet<string> = new Set(["POD"]);

const names = new Map<number, string>(
  Object.entries(SourceFile).map(([name, number]) => [
    number,
    `${name.toLowerCase()}.${programs.has(name) ? "c" : "h"}`,
  ]),
);

/** The name of a file of the datapath, by `enum source_file`; empty for a number that it has not. */
export function sourceFileName(number: number): string {
  return names.get(number) ?? "";
}
