import { spawn, spawnSync } from "node:child_process";
import { LabError } from "./errors.ts";

export interface CommandResult {
  /** Exit code; 128 and the signal's number when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** Written to its standard input, which is then closed. */
  readonly input?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Characters of what it prints that are wanted; the rest is read and left. */
  readonly most?: number;
}

/** Runs a program to its end. Whatever exit code it has is a result, not an error. */
export async function runCommand(command: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const { promise, resolve, reject } = Promise.withResolvers<CommandResult>();
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    env: { ...process.env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  let stdout = "";
  let stderr = "";
  const { most = Infinity } = options;
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text.slice(0, most - stdout.length)));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text.slice(0, most - stderr.length)));
  // A program that ends without reading its input closes the pipe: not an error of ours.
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  child.on("error", (cause) => reject(new LabError("command-failed", `run ${program}: ${cause.message}`, { cause })));
  child.on("close", (code) => resolve({ code: code ?? 128, stdout, stderr }));
  return promise;
}

/** Runs a program that has to succeed, and gives what it printed. @throws LabError `command-failed`. */
export async function mustRun(command: readonly string[], options: CommandOptions = {}): Promise<string> {
  const result = await runCommand(command, options);
  if (result.code !== 0) throw failed(command, result.code, result.stderr || result.stdout);
  return result.stdout;
}

/** Like {@link mustRun}, for the few places that cannot wait: set-up in one go, and the process's end. */
export function mustRunNow(command: readonly string[]): string {
  const [program = "", ...args] = command;
  const result = spawnSync(program, args, { encoding: "utf8" });
  if (result.error !== undefined) {
    throw new LabError("command-failed", `run ${program}: ${result.error.message}`, { cause: result.error });
  }
  if (result.status !== 0) throw failed(command, result.status ?? 128, result.stderr || result.stdout);
  return result.stdout;
}

function failed(command: readonly string[], code: number, output: string): LabError {
  return new LabError("command-failed", `run ${command.join(" ")}: exit code ${code}: ${output.trim()}`);
}
