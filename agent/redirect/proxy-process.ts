import { spawn } from "node:child_process";
import { closeSync, openSync, renameSync, statSync } from "node:fs";
import { isErrno } from "#agent/runtime/errors.ts";
import { RedirectError } from "./errors.ts";

/** Bytes of the log from which on a new one is begun; one old one is kept. */
const longLog = 16 * 1024 * 1024;

/** A proxy that this agent has started. */
export interface StartedProxy {
  readonly pid: number;
  /** Why it has ended; resolves never when it lives on. */
  readonly ended: Promise<RedirectError>;
}

/**
 * Starts a proxy that outlives this process: in a session of its own, where no signal to the agent's reaches it, and with
 * a log of its own, because what the agent's output goes to may end with the agent.
 *
 * @param command whose log is that file.
 */
export function startProxy(command: readonly string[], log: string): StartedProxy {
  const [program = "", ...args] = command;
  beginLog(log);
  const output = openSync(log, "a", 0o600);
  const { promise, resolve } = Promise.withResolvers<RedirectError>();
  try {
    const child = spawn(program, args, { cwd: "/", stdio: ["ignore", output, output], detached: true });
    child.on("error", (cause) => resolve(RedirectError.notStarted(cause.message, log, cause)));
    child.on("exit", (code, signal) =>
      resolve(RedirectError.notStarted(`it has ended ${signal ? `by ${signal}` : `with exit code ${code}`}`, log)),
    );
    child.unref();
    return { pid: child.pid ?? 0, ended: promise };
  } finally {
    closeSync(output);
  }
}

function beginLog(log: string): void {
  try {
    if (statSync(log).size > longLog) renameSync(log, `${log}.1`);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}
