import { SourceFile } from "#agent/datapath/layouts.gen.ts";

const names = new Map<number, string>(
  Object.entries(SourceFile).map(([name, number]) => [number, `${name.toLowerCase()}.h`]),
);

/** The name of a file of the datapath, by `enum source_file`; empty for a number that it has not. */
export function sourceFileName(number: number): string {
  return names.get(number) ?? "";
}
