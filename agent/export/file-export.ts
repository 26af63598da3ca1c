import { jsonLines } from "#agent/api/json-text.ts";
import type { FlowSelection } from "#agent/flows/selection.ts";
import { type Clock, pause } from "#agent/runtime/clock.ts";
import { reasonOf } from "#agent/runtime/errors.ts";
import type { Log } from "#agent/runtime/log.ts";
import { ExportError } from "./errors.ts";
import { type ExportCounts, type FlowExporter, type FlowSource, readToTheEnd } from "./exporter.ts";
import { LogFile, type LogFileLimits } from "./log-file.ts";

/** Flows that are worth a write, and how long, in ms, fewer wait for others. */
const worthwhile = 64;
const gathering = 100;

/** How long, in ms, a disk that takes nothing is left alone. */
const retryInterval = 1_000;

export interface FileExportOptions extends LogFileLimits {
  readonly path: string;
  readonly selection: FlowSelection;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Writes flows to a file, within a tenth of a second. While the disk takes nothing they wait in the ring, which is the only
 * buffer; what is overwritten there is lost, and the file has a line that says how many it were.
 */
export class FileExport implements FlowExporter, AsyncDisposable {
  readonly name = "file";
  readonly #options: FileExportOptions;
  readonly #file: LogFile;
  #exported = 0;
  #lost = 0;
  #problem: string | null = null;

  private constructor(options: FileExportOptions, file: LogFile) {
    this.#options = options;
    this.#file = file;
  }

  /** @throws ExportError `flow-log` when the file cannot be written. */
  static async open(options: FileExportOptions): Promise<FileExport> {
    const { path } = options;
    try {
      return new FileExport(options, await LogFile.open(path, options));
    } catch (error) {
      const remedy = "name a file in a folder that is there and can be written to (--flow-log)";
      const complaint = { asked: `open ${path} for flows`, obstacle: reasonOf(error), remedy };
      throw new ExportError("flow-log", complaint, { cause: error });
    }
  }

  get counts(): ExportCounts {
    return { exported: this.#exported, lost: this.#lost };
  }

  get problem(): string | null {
    return this.#problem;
  }

  async run(source: FlowSource, signal: AbortSignal): Promise<void> {
    await readToTheEnd({ ...this.#options, signal }, (selection, late) =>
      this.#writeAll(source.lines(selection, late), signal),
    );
  }

  async #writeAll(lines: ReturnType<FlowSource["lines"]>, signal: AbortSignal): Promise<void> {
    for await (const batch of lines) {
      if (batch.length === 0) continue;
      let flows = 0;
      for (const line of batch) {
        if (!("lost_events" in line)) flows++;
        else if (line.lost_events.source === "HUBBLE_RING_BUFFER")
          this.#lost += Number(line.lost_events.num_events_lost);
      }
      if (await this.#write(Buffer.from(jsonLines(batch)), signal)) this.#exported += flows;
      else this.#lost += flows;
      if (batch.length < worthwhile) await pause(this.#options.clock, gathering, signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
  }

  /** Goes on until all is written. @returns false: the agent stops before that. */
  async #write(lines: Uint8Array, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#options;
    for (let rest = lines; rest.length > 0;) {
      try {
        rest = rest.subarray(await this.#file.append(rest));
        this.#clear();
      } catch (error) {
        this.#report(error);
        if (signal.aborted) return false;
        await pause(clock, retryInterval, signal);
      }
    }
    return true;
  }

  #report(error: unknown): void {
    const { path, log } = this.#options;
    if (this.#problem === null) log.error({ err: error, path }, "flows cannot be written to their file");
    this.#problem = `flows cannot be written to ${path}: ${reasonOf(error)}; those that come meanwhile are kept while the agent has room`;
  }

  #clear(): void {
    const { path, log } = this.#options;
    if (this.#problem !== null) log.info({ path }, "flows can be written to their file again");
    this.#problem = null;
  }
}
