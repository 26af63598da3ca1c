/** Which files the linter and the formatter look at, and with which C formatter. */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");

export const formattedFolders: readonly string[] = [".dev", "agent", "bpf", "cni", "policy", "test"];

/** Every C file: of the datapath, and of the CNI binary. */
export function cSources(): string[] {
  return ["bpf", "cni"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => /\.[ch]$/.test(name))
      .map((name) => join(folder, name))
      .toSorted(),
  );
}

/** A clang-format that knows the options of `.clang-format`, or undefined: it is optional. */
export function clangFormat(): string | undefined {
  return ["clang-format-19", "clang-format"].find((program) => {
    const version = /version (\d+)/.exec(spawnSync(program, ["--version"], { encoding: "utf8" }).stdout ?? "");
    return version !== null && Number(version[1]) >= 19;
  });
}
