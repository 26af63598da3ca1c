/** Formats everything, or the paths given: TypeScript by oxfmt, C by clang-format where it is installed. */
import { spawnSync } from "node:child_process";
import { cSources, clangFormat, formattedFolders } from "./sources.ts";

const paths = process.argv.slice(2);
const oxfmt = spawnSync("oxfmt", paths.length > 0 ? paths : [...formattedFolders], { stdio: "inherit" });
process.exitCode = oxfmt.status ?? 1;

const formatter = clangFormat();
if (paths.length === 0 && formatter !== undefined) {
  const result = spawnSync(formatter, ["-i", ...cSources()], { stdio: "inherit" });
  process.exitCode ||= result.status ?? 1;
}
