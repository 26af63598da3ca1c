import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { type CommandResult, runCommand } from "#agent/local/command.ts";

/** Where `.dev/debian.mjs` puts it, unless the machine has one. */
const extracted = resolve(import.meta.dirname, "../../dist/tools/promtool");

/** Runs Prometheus' own checker. */
export function promtool(args: readonly string[], input?: string): Promise<CommandResult> {
  const folders = (process.env["PATH"] ?? "").split(":").filter((folder) => folder !== "");
  const installed = folders.map((folder) => join(folder, "promtool")).find((path) => existsSync(path));
  return runCommand([installed ?? extracted, ...args], input === undefined ? {} : { input });
}
