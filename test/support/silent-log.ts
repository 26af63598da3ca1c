import type { Log } from "#agent/runtime/log.ts";
import { pino } from "pino";

/** A log that nobody reads. */
export function silentLog(): Log {
  return pino({ level: "silent" });
}
