/**
 * Compiles the CNI binary, `dist/weir-cni`: a static program of C that needs nothing of the
 * machine it runs on. Skipped when an equal one is there already.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");

const options = [
  "-std=gnu17",
  "-O2",
  "-D_GNU_SOURCE",
  "-Wall",
  "-Wextra",
  "-Werror",
  "-fstack-protector-strong",
  "-D_FORTIFY_SOURCE=2",
  // The program starts in half a millisecond; looking for shared libraries would take as long again.
  "-static",
  "-s",
];

const libraries = ["-l:libjansson.a"];

function sources(): string[] {
  const folder = join(root, "cni");
  const names = readdirSync(folder).filter((name) => /\.[ch]$/.test(name));
  return names.sort().map((name) => join(folder, name));
}

function contentHash(files: readonly string[]): string {
  const hash = createHash("sha256").update(JSON.stringify([options, libraries]));
  for (const file of files) hash.update(file.slice(root.length)).update(readFileSync(file));
  return hash.digest("hex");
}

/**
 * Builds the binary unless it is up to date.
 *
 * @returns true when the compiler ran.
 * @throws Error with the compiler's output when the sources do not compile.
 */
export function buildCni(output: string = join(root, "dist/weir-cni")): boolean {
  const files = sources();
  const key = contentHash(files);
  const stamp = `${output}.sha256`;
  if (existsSync(output) && existsSync(stamp) && readFileSync(stamp, "utf8") === key) return false;

  mkdirSync(dirname(output), { recursive: true });
  const temporary = `${output}.${process.pid}`;
  const args = [...options, ...files.filter((file) => file.endsWith(".c")), ...libraries, "-o", temporary];
  const result = spawnSync("cc", args, { cwd: root, encoding: "utf8" });
  if (result.status !== 0) {
    rmSync(temporary, { force: true });
    throw new Error(`compile weir-cni: ${result.error?.message ?? result.stderr}`);
  }
  rmSync(stamp, { force: true });
  renameSync(temporary, output);
  writeFileSync(stamp, key);
  return true;
}

if (import.meta.main) buildCni();
