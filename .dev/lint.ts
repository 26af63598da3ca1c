/** All checks that need no kernel: types, lint rules, format, dead code, for C the format. One line a check. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { cSources, clangFormat, formattedFolders } from "./sources.ts";

const root = resolve(import.meta.dirname, "..");
const folders = formattedFolders.filter((folder) => existsSync(join(root, folder)));
const formatter = clangFormat();

const checks: [name: string, program: string, args: readonly string[]][] = [
  ["types", "tsc", ["-p", "."]],
  ["types of .dev", "tsc", ["-p", ".dev"]],
  ["types of the page", "tsc", ["-p", "agent/ui/page"]],
  ["rules", "oxlint", ["--deny-warnings", "--report-unused-disable-directives", ...folders]],
  ["format", "oxfmt", ["--check", ...folders]],
  ["architecture", "vitest", ["run", "--config", "test/vitest.config.ts", "--reporter=dot", "test/architecture"]],
  ["dead code", "knip", ["--no-progress", "--no-config-hints"]],
];
if (formatter !== undefined) checks.push(["C format", formatter, ["--dry-run", "-Werror", ...cSources()]]);

for (const [name, program, args] of checks) {
  const result = spawnSync(program, args, { cwd: root, encoding: "utf8" });
  const passed = result.status === 0;
  console.log(`${passed ? "ok    " : "FAILED"} ${name}`);
  if (!passed) {
    console.log(`${result.stdout ?? ""}${result.stderr ?? result.error?.message ?? ""}`);
    process.exitCode = 1;
  }
}
if (formatter === undefined) console.log("-      C format: clang-format 19 or newer is not installed");
