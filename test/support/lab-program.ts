import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "#agent/local/lab.ts";
import { runCommand } from "#agent/local/command.ts";
import { until } from "#agent/local/until.ts";

/** Something whose network namespace a program can run in. */
export interface Place {
  enter(command: readonly string[]): string[];
}

export interface LabProgramOptions {
  readonly lab: Lab;
  readonly place: Place;
  readonly command: readonly string[];
  /** Of the file, in the lab's folder, that its output goes to. */
  readonly name: string;
  /** TCP or UDP ports that it listens on when it is ready. */
  readonly ports?: readonly number[];
}

/** A program in the foreground, with a network namespace of a lab: ends when disposed of, and with the lab. */
export class LabProgram implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #log: string;
  #code: number | undefined;

  private constructor({ lab, place, command, name }: LabProgramOptions) {
    this.#log = join(lab.folder, `${name}.log`);
    const output = openSync(this.#log, "a");
    const [program = "", ...args] = place.enter(command);
    // In a process group of its own: Ctrl-C on a terminal is for the one that made the lab.
    this.#child = spawn(program, args, { stdio: ["ignore", output, output], detached: true });
    closeSync(output);
    const tracked = lab.track(this.pid);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#exited = promise;
    const ended = (code: number): void => {
      this.#code = code;
      tracked[Symbol.dispose]();
      resolve();
    };
    this.#child.on("exit", (code) => ended(code ?? 128));
    this.#child.on("error", () => ended(127));
  }

  /** Starts it, and waits until it listens. @throws Error with what it printed when it ends instead. */
  static async start(options: LabProgramOptions): Promise<LabProgram> {
    const program = options.lab.use(new LabProgram(options));
    const { place, ports = [], name } = options;
    await until(`${name} to listen`, async () => {
      if (program.#code !== undefined) return true;
      const { stdout } = await runCommand(place.enter(["ss", "-Hltun"]));
      return ports.every((port) => new RegExp(`[:\\]]${port}\\s`).test(stdout));
    });
    if (program.#code !== undefined) {
      throw new Error(`start ${name}: it ended with exit code ${program.#code}: ${program.output.trim()}`);
    }
    return program;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What it has printed. */
  get output(): string {
    return readFileSync(this.#log, "utf8");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#code === undefined) this.#child.kill("SIGTERM");
    await this.#exited;
  }
}
