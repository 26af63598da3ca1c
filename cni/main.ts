/**
 * The CNI plugin `weir-cni`: environment and stdin in, one JSON object on stdout out.
 * Everything is done in blocking calls; the process lives for a few milliseconds.
 */
import { readFileSync, writeSync } from "node:fs";

import { add } from "./add.ts";
import { AgentClient } from "./agent-client.ts";
import type { Call } from "./call.ts";
import { check } from "./check.ts";
import { type CniVersion, newestVersion, supportedVersions } from "./cni-version.ts";
import { parseConfig, parseJson, versionOf } from "./config.ts";
import { del } from "./del.ts";
import { DeleteQueue } from "./delete-queue.ts";
import { type Command, parseCommand, parseEnvironment } from "./environment.ts";
import { CniError, ErrorCode, errorText, type Outcome } from "./errors.ts";
import { Log } from "./log.ts";
import { asCniError } from "./pod-side.ts";
import { status } from "./status.ts";
import { version } from "./version.ts";

interface Verb {
  /** The first version of the specification that has it. */
  readonly since: CniVersion;
  /** Gives the result to print, if there is one; throws CniError or NetlinkError. */
  readonly run: (call: Call) => object | void;
}

const verbs: Readonly<Record<Command, Verb>> = {
  ADD: { since: "0.3.0", run: add },
  DEL: { since: "0.3.0", run: del },
  CHECK: { since: "0.4.0", run: check },
  STATUS: { since: "1.1.0", run: status },
};

/** Does what CNI_COMMAND says; gives the text for stdout and the exit code. */
function main(variables: Readonly<Record<string, string | undefined>>): { output: string; exitCode: number } {
  if ((variables["CNI_COMMAND"] ?? "") === "") {
    writeSync(2, `weir-cni, a CNI plugin; it is run by container runtimes. CNI ${supportedVersions.join(", ")}\n`);
    return { output: "", exitCode: 0 };
  }
  let cniVersion: CniVersion = newestVersion;
  try {
    if (variables["CNI_COMMAND"] === "VERSION") return printed(version(readInput()));
    const command = demand(parseCommand(variables));
    const input = parseJson(readInput());
    if (input.ok) cniVersion = versionOf(input.value) ?? cniVersion;
    const environment = demand(parseEnvironment(command, variables));
    const { since, run } = verbs[command];
    const config = demand(parseConfig(demand(input), command, since));
    const { containerId, ifName } = environment;
    const log = new Log(config.logLevel, config.logFile, { command, containerId, ifName });
    const agent = new AgentClient(config.runDir);
    const queue = new DeleteQueue(config.runDir);
    return printed(logged(log, () => run({ environment, config, agent, queue, log })));
  } catch (error) {
    return { output: errorText(asCniError(error), cniVersion), exitCode: 1 };
  }
}

function logged<T>(log: Log, run: () => T): T {
  const start = performance.now();
  try {
    const result = run();
    log.write("info", "done", { milliseconds: performance.now() - start });
    return result;
  } catch (error) {
    const { code, message, details } = asCniError(error);
    log.write("error", message, { code, details });
    throw error;
  }
}

function printed(result: object | void): { output: string; exitCode: number } {
  return { output: result === undefined ? "" : JSON.stringify(result), exitCode: 0 };
}

function demand<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  throw outcome.error;
}

/** @throws CniError IO. */
function readInput(): string {
  try {
    return readFileSync(0, "utf8");
  } catch (error) {
    throw new CniError(ErrorCode.IO, `read network configuration from stdin: ${(error as Error).message}`);
  }
}

/** All of it, also through a pipe that takes a part at a time. */
function writeAll(fd: number, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written);
}

const { output, exitCode } = main(process.env);
// Not through process.stdout: setting up that stream alone takes longer than an ADD in the kernel.
writeAll(1, output);
process.exit(exitCode);
