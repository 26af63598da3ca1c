import type { Writable } from "node:stream";
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from "pino";

/** A logger; children speak for one subsystem each. */
export type Log = Logger;

export interface LogOptions {
  readonly level: "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";
  /** `auto`: pretty when standard error is a terminal. */
  readonly format: "json" | "pretty" | "auto";
}

/**
 * The one list of what no log line shows: fields with these names, in the line itself
 * and in objects up to three levels down.
 */
export const REDACTED: readonly string[] = [
  "authorization",
  "Authorization",
  "cookie",
  "Cookie",
  "set-cookie",
  "password",
  "passphrase",
  "secret",
  "token",
  "serviceAccountToken",
  "storeToken",
  "privateKey",
  "clientKey",
];

function redactedPaths(): string[] {
  return ["", "*.", "*.*."].flatMap((prefix) =>
    REDACTED.map((name) => (/^\w+$/.test(name) ? `${prefix}${name}` : `${prefix.slice(0, -1)}["${name}"]`)),
  );
}

/**
 * Makes the agent's logger: lines of JSON on standard error, or pretty ones on a
 * terminal. The printer of pretty lines is loaded only when it is wanted.
 *
 * @param output where lines go in place of standard error.
 */
export async function createLog({ level, format }: LogOptions, output?: Writable): Promise<Log> {
  const pretty = format === "pretty" || (format === "auto" && output === undefined && process.stderr.isTTY);
  // Synchronous: the last lines before a crash are those that matter.
  const stream: DestinationStream = pretty
    ? (await import("pino-pretty")).default({ destination: output ?? 2, sync: true, ignore: "pid,hostname" })
    : (output ?? destination({ dest: 2, sync: true }));
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      redact: { paths: redactedPaths(), censor: "[redacted]" },
      // A number of pino's own means nothing to whoever collects the lines.
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
}

/** The logger of a part of the agent. */
export function subsystemLog(log: Log, subsystem: string): Log {
  return log.child({ subsystem });
}
