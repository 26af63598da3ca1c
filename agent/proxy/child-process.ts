import type { Log } from "#agent/runtime/log.ts";

/** Has the parent say when this process is to end; what it does not expect ends it at once, and another one follows. */
export function behaveAsChild(log: Log, what: string): void {
  // The signals of a terminal, or of a service manager, are for the parent, which then says what to do.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
  process.on("uncaughtException", (error) => {
    log.fatal({ err: error }, `${what} ends with its connections`);
    process.exit(1);
  });
}
