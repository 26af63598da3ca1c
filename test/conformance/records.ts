import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

/** One call that {@link file://./recorder.ts} was told of. */
export interface Recorded {
  readonly command: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly config: Readonly<Record<string, unknown>>;
}

/** What a recorder has written down, in order, and begins a new page. */
export function takeRecords(folder: string): Recorded[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  const records = names.toSorted().map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as Recorded);
  for (const name of names) rmSync(join(folder, name));
  return records;
}
