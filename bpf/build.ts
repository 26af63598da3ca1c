/**
 * Compiles the datapath: every `bpf/*.c` to `dist/bpf/*.bpf.o`, and whatever else
 * asks through {@link compileBpf}. Objects are cached by the content of all that
 * goes into them, so a second build takes milliseconds.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");

/** The compiler as a command prefix: `$WEIR_CLANG`, or the clang of the npm package. */
function compiler(): string[] {
  const override = process.env["WEIR_CLANG"];
  if (override) return [override];
  const packageFile = createRequire(import.meta.url).resolve("clang-linux-x64/package.json");
  const dir = dirname(packageFile);
  // The package's launcher is a bash script around its own loader; call the loader directly.
  return [join(dir, "ld-linux-x86-64.so.2"), "--library-path", dir, join(dir, "clang-real")];
}

/** What is made: also of the compiler's own intermediate language. */
export const targetFlags = ["--target=bpf", "-mcpu=v3", "-O2", "-g"];

const languageFlags = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-D__x86_64__", "-nostdinc"];

const includes = [
  `-I${join(root, "bpf/lib")}`,
  ...[join(root, "bpf/include"), "/usr/include/x86_64-linux-gnu", "/usr/include"].flatMap((dir) => ["-isystem", dir]),
];

const paths = [`-ffile-prefix-map=${root}=.`, "-fdebug-compilation-dir=.", "-fcoverage-compilation-dir=."];

/** How every C file is compiled. Files are called by their paths from the project's folder. */
export const sourceFlags = [...targetFlags, ...languageFlags, ...includes, ...paths];

/** The program files of the datapath. */
export function sources(): string[] {
  return readdirSync(join(root, "bpf"))
    .filter((name) => name.endsWith(".c"))
    .map((name) => join(root, "bpf", name));
}

/** The object of a program file is called so, in whatever folder it is. */
export function objectName(source: string): string {
  return basename(source).replace(/\.c$/, ".bpf.o");
}

/** Runs the compiler. @throws Error with what it says when it fails. */
export function clang(args: readonly string[], subject: string): void {
  const [program = "", ...prefix] = compiler();
  const result = spawnSync(program, [...prefix, ...args], { encoding: "utf8" });
  if (result.status !== 0) throw new Error(`compile ${subject}: ${result.error?.message ?? result.stderr}`);
}

function headerHash(): string {
  const hash = createHash("sha256");
  for (const dir of ["bpf/include", "bpf/lib", "bpf/lib/shared"]) {
    const folder = join(root, dir);
    if (!existsSync(folder)) continue;
    for (const entry of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
      if (entry.endsWith(".h")) hash.update(entry).update(readFileSync(join(folder, entry)));
    }
  }
  return hash.digest("hex");
}

/**
 * Compiles one C file to a BPF object with BTF, unless an object of the same
 * content is there already.
 *
 * @returns true when the compiler ran.
 * @throws Error with the compiler's output when the source does not compile.
 */
export function compileBpf(source: string, output: string): boolean {
  const args = [...sourceFlags, "-c", source];
  const key = createHash("sha256")
    .update(JSON.stringify([compiler(), args]))
    .update(readFileSync(source))
    .update(headerHash())
    .digest("hex");
  const stamp = `${output}.sha256`;
  if (existsSync(output) && existsSync(stamp) && readFileSync(stamp, "utf8") === key) return false;

  mkdirSync(dirname(output), { recursive: true });
  const temporary = `${output}.${process.pid}`;
  try {
    clang([...args, "-o", temporary], basename(source));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  rmSync(stamp, { force: true });
  renameSync(temporary, output);
  writeFileSync(stamp, key);
  return true;
}

/** Builds the whole datapath into `dist/bpf`, and the layouts' object into `dist/gen`. */
export function buildBpf(): void {
  for (const source of sources()) compileBpf(source, join(root, "dist/bpf", objectName(source)));
  compileBpf(join(root, "bpf/lib/shared/layouts.c"), join(root, "dist/gen/layouts.bpf.o"));
}

if (import.meta.main) buildBpf();
