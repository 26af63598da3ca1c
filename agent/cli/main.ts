#!/usr/bin/env node
import { commandName, run } from "./run.ts";

/** The agent and the proxy are programs of their own size: they are loaded only when they are the command. */
async function main(argv: readonly string[]): Promise<number> {
  if (commandName(argv) === "agent") {
    const { runAgent } = await import("#agent/main.ts");
    return runAgent(argv.toSpliced(argv.indexOf("agent"), 1));
  }
  if (commandName(argv) === "proxy") {
    const { runProxy } = await import("#agent/proxy/main.ts");
    return runProxy(argv.toSpliced(argv.indexOf("proxy"), 1));
  }
  let interrupted: AbortController | null = null;
  // Who reads us may stop at any time: `weir observe | head`.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
  const { stdin, stdout, stderr, env } = process;
  return run(argv, {
    stdin,
    stdout,
    stderr,
    environment: env,
    // Who does not ask for it is ended by the signal itself, also in the midst of a long computation.
    get signal() {
      interrupted ??= untilInterrupted();
      return interrupted.signal;
    },
  });
}

function untilInterrupted(): AbortController {
  const interrupted = new AbortController();
  // The second one ends the process at once, and what it has to remove is removed as well as can be.
  const end = (): void => (interrupted.signal.aborted ? process.exit(1) : interrupted.abort());
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, end);
  return interrupted;
}

process.exitCode = await main(process.argv.slice(2));
