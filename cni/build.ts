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

/** Folders and files whose sources end up in the binary. */
const sources = ["cni", "agent/netlink", "agent/api/delete-request.ts", "agent/api/host-interface.ts"];

const options = [
  "build",
  "--compile",
  "--minify",
  "--bytecode",
  "--format=esm",
  // The process is over before machine code would pay for its making.
  "--compile-jit-policy=100",
  // The binary runs in whatever folder the runtime stands in: files there must not configure it.
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
];

function contentHash(compiler: string): string {
  const hash = createHash("sha256").update(JSON.stringify(options));
  hash.update(readFileSync(join(dirname(compiler), "../package.json")));
  for (const path of sources) {
    const found = path.endsWith(".ts") ? [path] : readdirSync(join(root, path)).map((name) => `${path}/${name}`);
    for (const file of found.sort()) {
      if (file.endsWith(".ts")) hash.update(file).update(readFileSync(join(root, file)));
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
