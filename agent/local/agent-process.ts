import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { LabError } from "./errors.ts";
import { until } from "./until.ts";

interface AgentProcessOptions {
  readonly command: readonly string[];
  /** Its output is added to this file. */
  readonly log: string;
  /** Told of the process, so that it ends with this one. */
  readonly track: (pid: number) => Disposable;
}

/** The agent of a lab's node, as a process. */
export class AgentProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #exited: Promise<number>;
  readonly #log: string;
  #exitCode: number | undefined;

  constructor({ command, log, track }: AgentProcessOptions) {
    const [program = "", ...args] = command;
    const output = openSync(log, "a");
    try {
      // In a process group of its own: Ctrl-C on a terminal is for the one that made the lab.
      this.#child = spawn(program, args, { stdio: ["ignore", output, output], detached: true });
    } finally {
      closeSync(output);
    }
    this.#log = log;
    this.pid = this.#child.pid ?? 0;
    const tracked = track(this.pid);
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#exited = promise;
    const ended = (code: number) => {
      this.#exitCode = code;
      tracked[Symbol.dispose]();
      resolve(code);
    };
    this.#child.on("exit", (code) => ended(code ?? 128));
    this.#child.on("error", () => ended(127));
  }

  /** Waits until `isReady`. @throws LabError `agent-not-ready` with the end of the log. */
  async ready(isReady: () => Promise<boolean>, signal?: AbortSignal): Promise<void> {
    try {
      await until(
        "the agent",
        async () => {
          if (this.#exitCode !== undefined) return "exited";
          return (await isReady()) ? "ready" : false;
        },
        { every: 50, ...(signal === undefined ? {} : { signal }) },
      );
    } catch (cause) {
      throw new LabError("agent-not-ready", `start agent: not ready in time\n${this.logTail()}`, { cause });
    }
    if (this.#exitCode !== undefined) {
      throw new LabError(
        "agent-not-ready",
        `start agent: it ended with exit code ${this.#exitCode}\n${this.logTail()}`,
      );
    }
  }

  /** The last lines that it wrote. */
  logTail(lines = 30): string {
    return readFileSync(this.#log, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
  }

  /** Asks it to end, and waits. The exit code; 128 when a signal ended it. */
  async stop(): Promise<number> {
    if (this.#exitCode === undefined) this.#child.kill("SIGTERM");
    return this.#exited;
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    if (this.#exitCode === undefined) this.#child.kill("SIGKILL");
    await this.#exited;
  }
}
