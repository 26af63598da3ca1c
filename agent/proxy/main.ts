import { join } from "node:path";
import { CommanderError } from "commander";
import { ownBuild } from "#agent/runtime/build.ts";
import { reasonOf, WeirError } from "#agent/runtime/errors.ts";
import { createLog } from "#agent/runtime/log.ts";
import { type ProxyOptions, proxyOptions } from "./options.ts";
import { runParent } from "./run-parent.ts";

const usageError = 2;

/** Runs `weir proxy`. @returns the exit status. */
export async function runProxy(argv: readonly string[]): Promise<number> {
  let options: ProxyOptions;
  try {
    options = proxyOptions(argv);
  } catch (error) {
    // Commander has said already what is wrong, or printed the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usageError;
    throw error;
  }
  const log = await createLog({ level: "info", format: "auto" });
  const [stop, kill] = [new AbortController(), new AbortController()];
  // The second one ends at once what the first one has let go on.
  const end = (): void => (stop.signal.aborted ? kill : stop).abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, end);
  try {
    await runParent({
      options,
      build: ownBuild(),
      log,
      worker: program("worker"),
      datagrams: program("datagrams"),
      away: { admit: () => Promise.resolve("refused") },
      stop: stop.signal,
      kill: kill.signal,
    });
    return 0;
  } catch (error) {
    // An error with a code has said what to do; the stack of any other is what there is to go by.
    const isExpected = error instanceof WeirError;
    log.fatal(isExpected ? { code: error.code } : { err: error }, `the proxy ends: ${reasonOf(error)}`);
    return 1;
  }
}

/** The file of a child's program, in the sources or in the bundle. */
function program(name: string): string {
  const isSource = import.meta.filename.endsWith(".ts");
  return join(import.meta.dirname, isSource ? `${name}-main.ts` : `proxy-${name}.mjs`);
}
