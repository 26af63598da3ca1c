/**
 * Compiles the CNI binary, `dist/weir-cni`: bun's runtime, our code and its bytecode in one
 * file that needs nothing but glibc. Skipped when an equal one is there already.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");

/** Folders whose sources may end up in the binary. */
const sources = ["cni", "agent/netlink", "agent/api"];

const options = [
  "build",
  "--compile",
  "--minify",
  "--bytecode",
  "--format=esm",
  // The binary runs in whatever folder the runtime stands in: files there must not configure it.
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
];

function contentHash(compiler: string): string {
  const hash = createHash("sha256")
    .update(JSON.stringify(options))
    .update(readFileSync(`${dirname(compiler)}/../package.json`));
  for (const folder of sources) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).sort()) {
      if (entry.endsWith(".ts")) hash.update(`${folder}/${entry}`).update(readFileSync(join(root, folder, entry)));
    }
  }
  return hash.digest("hex");
}

/**
 * Builds the binary unless it is up to date.
 *
 * @returns true when the compiler ran.
 * @throws Error with the compiler's output when the sources do not compile.
 */
export function buildCni(output: string = join(root, "dist/weir-cni")): boolean {
  const compiler = createRequire(import.meta.url).resolve("@oven/bun-linux-x64/bin/bun");
  const key = contentHash(compiler);
  const stamp = `${output}.sha256`;
  if (existsSync(output) && existsSync(stamp) && readFileSync(stamp, "utf8") === key) return false;

  mkdirSync(dirname(output), { recursive: true });
  const temporary = `${output}.${process.pid}`;
  const args = [...options, join(root, "cni/main.ts"), "--outfile", temporary];
  const result = spawnSync(compiler, args, { cwd: root, encoding: "utf8" });
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
