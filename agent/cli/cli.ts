import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { styleText } from "node:util";
import { type Command, Option } from "commander";
import { ApiClient } from "#agent/api/client.ts";
import { agentSocket, observeSocket } from "#agent/api/run-dir-paths.ts";
import { ExitCode } from "./exit-code.ts";
import { type Paint, printableLines } from "./table.ts";

/** The world of one command: its streams, and when it is to end. */
export interface Io {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted when the user wants it to end. */
  readonly signal: AbortSignal;
}

export type Format = "table" | "json" | "yaml";

/** What every command works with. */
export class Cli {
  readonly io: Io;
  /** The status to end with, unless something fails. */
  exitCode: ExitCode = ExitCode.fine;

  constructor(io: Io) {
    this.io = io;
  }

  /** The agent that the command speaks to. */
  client(command: Command, signal?: AbortSignal): ApiClient {
    const runDir = this.runDir(command);
    return new ApiClient(agentSocket(runDir), observeSocket(runDir), signal);
  }

  runDir(command: Command): string {
    return command.optsWithGlobals<{ runDir: string }>().runDir;
  }

  readonly paint: Paint = (style, text) => styleText(style, text, { stream: this.io.stdout });

  /** Prints a value as the user wants it; `asTable` gives the text for people. */
  async show<T>(format: Format, value: T, asTable: (value: T) => string | Promise<string>): Promise<void> {
    if (format === "json") return this.write(`${JSON.stringify(value)}\n`);
    if (format === "table") return this.write(await asTable(value));
    const { stringify } = await import("yaml");
    return this.write(stringify(value, { aliasDuplicateObjects: false }));
  }

  /** Writes to standard output, at the reader's pace. */
  async write(text: string): Promise<void> {
    if (!this.io.stdout.write(text)) await once(this.io.stdout, "drain");
  }

  /** Says something beside the result. */
  remark(text: string): void {
    this.io.stderr.write(`weir: ${printableLines(text)}\n`);
  }
}

/** `-o table|json|yaml` */
export function outputOption(formats: readonly Format[] = ["table", "json", "yaml"]): Option {
  return new Option("-o, --output <format>", "how to print it").choices(formats).default("table");
}
