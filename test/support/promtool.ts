import { type CommandResult, runCommand } from "#agent/local/command.ts";
import { serverProgram } from "./store-server.ts";

/** Runs Prometheus' own checker; a test that does so needs `promtool`. */
export function promtool(args: readonly string[], input?: string): Promise<CommandResult> {
  return runCommand([serverProgram("promtool") ?? "promtool", ...args], input === undefined ? {} : { input });
}
