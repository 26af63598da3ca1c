/** Tells whether a build step has anything to do: by the content of all that goes into it. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Files of a folder tree, sorted, or the one file itself. A path that is not there has none. */
function filesOf(path: string): string[] {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

/** SHA-256 over names and contents of files and folder trees. */
export function contentHash(paths: readonly string[], salt = ""): string {
  const hash = createHash("sha256").update(salt);
  for (const file of paths.flatMap(filesOf)) hash.update(file).update("\0").update(readFileSync(file)).update("\0");
  return hash.digest("hex");
}

/**
 * Runs a step unless its stamp says that it ran on the same content and all its
 * outputs are there.
 *
 * @returns true when the step ran.
 */
export async function onceFor(options: {
  stamp: string;
  key: string;
  outputs: readonly string[];
  step: () => Promise<void>;
}): Promise<boolean> {
  const { stamp, key, outputs, step } = options;
  const done = existsSync(stamp) && readFileSync(stamp, "utf8") === key && outputs.every((file) => existsSync(file));
  if (done) return false;
  rmSync(stamp, { force: true });
  await step();
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, key);
  return true;
}
