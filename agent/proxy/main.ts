import { join } from "node:path";
import { CommanderError } from "commander";
import { systemClocks } from "libbpf-ts";
import { KernelNamedAddresses } from "#agent/datapath/kernel-named-addresses.ts";
import { ReservedIdentity } from "#agent/datapath/layouts.gen.ts";
import { bootId } from "#agent/runtime/boot-id.ts";
import { ownBuild } from "#agent/runtime/build.ts";
import { reasonOf, WeirError } from "#agent/runtime/errors.ts";
import { createLog } from "#agent/runtime/log.ts";
import { AwayJournal } from "./away-journal.ts";
import { AwayNames } from "./away-names.ts";
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
      away: new AwayNames({
        journal: new AwayJournal(options.runDir, bootId()),
        writer: () => new KernelNamedAddresses(join(options.bpffs, "weir")),
        fallback: ReservedIdentity.WORLD,
        now: () => Number(systemClocks.boot() / 1_000_000n),
        failed: (error) => log.error({ err: error }, "a DNS answer cannot be admitted while no agent is there"),
      }),
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
