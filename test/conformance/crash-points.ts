/** Where a process can be killed: before each of its system calls, with the help of strace. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { LabError } from "#agent/local/errors.ts";
import type { LabNode } from "#agent/local/lab-node.ts";
import type { Random } from "#test/support/random.ts";

/** Before a thread's nth call of a system call. */
export interface CrashPoint {
  readonly call: string;
  readonly nth: number;
}

/** What a whole run did: how often one thread at most made each system call. */
export type Calls = ReadonlyMap<string, number>;

/** What has to stand before a command so that its system calls are written to a file. */
export const traced = (file: string): string[] => ["strace", "-f", "-qq", "-o", file];

/** The same so that it is killed at a point. */
export const killedAt = (point: CrashPoint): string[] => [
  "strace",
  "-f",
  "-qq",
  "-o",
  "/dev/null",
  ...injection(point, "KILL"),
];

/** The same so that it stops there, until it is sent SIGCONT. */
export const stoppedAt = (point: CrashPoint): string[] => [
  "strace",
  "-f",
  "-qq",
  "-o",
  "/dev/null",
  ...injection(point, "STOP"),
];

function injection({ call, nth }: CrashPoint, signal: string): string[] {
  return ["-e", `trace=${call}`, "-e", `inject=${call}:signal=${signal}:when=${nth}`];
}

/** Reads a file of {@link traced}. */
export function readCalls(file: string): Calls {
  const threads = new Map<string, number>();
  for (const line of readFileSync(file, "utf8").split("\n")) {
    const [, thread, call] = /^(\d+)\s+(\w+)\(/.exec(line) ?? [];
    if (call === undefined || call === "execve") continue;
    threads.set(`${thread} ${call}`, (threads.get(`${thread} ${call}`) ?? 0) + 1);
  }
  const calls = new Map<string, number>();
  for (const [key, count] of threads) {
    const [, call = ""] = key.split(" ");
    calls.set(call, Math.max(calls.get(call) ?? 0, count));
  }
  return calls;
}

/** One of them; a rare system call is as likely as a frequent one. */
export function pickPoint(calls: Calls, random: Random): CrashPoint {
  const [call, count] = random.pick([...calls]);
  return { call, nth: random.integer(1, count) };
}

/** strace on an agent that runs already, with all its threads. */
export class Tracer {
  readonly #child;
  /** Resolves when strace ends: because the process did, or because it was told to. */
  readonly ended: Promise<void>;

  private constructor(node: LabNode, pid: number, options: readonly string[]) {
    this.#child = spawn("strace", ["-f", ...options, "-p", String(pid)], {
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    const tracked = node.lab.track(this.#child.pid ?? 0);
    this.#child.on("close", () => {
      tracked[Symbol.dispose]();
      resolve();
    });
    this.ended = promise;
  }

  /** Follows the agent of a node; resolves when strace sees all of it. */
  static async attach(node: LabNode, options: readonly string[]): Promise<Tracer> {
    const { pid } = node.agent;
    const tracer = new Tracer(node, pid, options);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let said = "";
    tracer.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (said.includes("attached")) resolve();
    });
    void tracer.ended.then(() => reject(new LabError("command-failed", `strace of process ${pid}: ${said}`)));
    await promise;
    return tracer;
  }

  /** Kills the agent at a point. */
  static async killAt(node: LabNode, point: CrashPoint): Promise<Tracer> {
    return Tracer.attach(node, ["-o", "/dev/null", ...injection(point, "KILL")]);
  }

  /** Lets go of the process, which lives on. */
  async detach(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.ended;
  }
}
