import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/**
 * Tells this build of Weir from every other: the names of the other parts of the bundle, with the hashes of their
 * contents, stand in the program that was started.
 */
export function ownBuild(): string {
  const program = process.argv[1];
  if (program === undefined) throw new Error("tell this build: the program has no file");
  return createHash("sha256").update(readFileSync(program)).digest("hex").slice(0, 16);
}
