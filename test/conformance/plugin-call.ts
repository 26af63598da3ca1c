import { runCommand } from "#agent/local/command.ts";
import { type ErrorObject, errorObject } from "./result-schema.ts";

/** The plugin, or a test, broke a rule of the specification. */
export class ConformanceError extends Error {
  override readonly name = "ConformanceError";
}

/** A plugin said that it failed. */
export class PluginError extends Error {
  override readonly name = "PluginError";
  readonly error: ErrorObject;

  constructor(what: string, error: ErrorObject) {
    super(`${what}: code ${error.code}: ${error.msg}`);
    this.error = error;
  }
}

/** A plugin was ended by a signal: what it has done is not known. */
export class PluginKilled extends Error {
  override readonly name = "PluginKilled";
}

export interface PluginCall {
  /** The plugin, with what has to stand before it. */
  readonly command: readonly string[];
  /** The CNI_* variables; an absent one is not set. */
  readonly variables: Readonly<Record<string, string>>;
  /** On stdin: an object as JSON, a text as it is. */
  readonly input: object | string;
}

/** What a plugin did. */
export interface Reply {
  readonly exitCode: number;
  /** The one object that it printed; null: it printed nothing. */
  readonly output: Readonly<Record<string, unknown>> | null;
  /** Set when it failed, and only then. */
  readonly error: ErrorObject | null;
  /** The end of it that a signal made: nothing is promised of what it printed. */
  readonly killed: boolean;
  readonly stderr: string;
}

/** Longer than a plugin may take, whatever it is given. */
const hang = 45_000;

/**
 * Runs a plugin once. What it prints is one JSON object or nothing, and an error exactly when it fails.
 *
 * @throws ConformanceError for anything else.
 */
export async function callPlugin({ command, variables, input }: PluginCall): Promise<Reply> {
  const signal = AbortSignal.timeout(hang);
  const result = await runCommand(command, {
    env: { ...variables },
    input: typeof input === "string" ? input : JSON.stringify(input),
    signal,
  });
  // The shell's way, of a program that strace watched, and our own.
  const killed = result.code === 137 || result.code === 128;
  if (killed) return { exitCode: result.code, output: null, error: null, killed, stderr: result.stderr };
  const output = readOutput(result.stdout);
  const error = result.code === 0 ? null : readError(output);
  return { exitCode: result.code, output, error, killed, stderr: result.stderr };
}

function readOutput(stdout: string): Reply["output"] {
  if (stdout === "") return null;
  let value: unknown;
  try {
    value = JSON.parse(stdout);
  } catch {
    throw new ConformanceError(`stdout is not one JSON object: ${stdout}`);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new ConformanceError(`stdout is no object: ${stdout}`);
}

function readError(output: Reply["output"]): ErrorObject {
  const error = errorObject.safeParse(output);
  if (error.success) return error.data;
  throw new ConformanceError(`a failure without an error object: ${JSON.stringify(output)}: ${error.error.message}`);
}
