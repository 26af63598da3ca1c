import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Lab } from "#agent/local/lab.ts";
import type { NetworkNamespace } from "#agent/local/network-namespace.ts";
import type { ExchangeKind, Expense } from "./exchange.ts";

type Answer = { readonly ready: true } | { readonly expense: Expense } | { readonly error: string };

/** One side of an exchange as a process inside a namespace, bound to one CPU. */
export class ExchangeProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor(lab: Lab, namespace: NetworkNamespace, cpu: number, args: readonly string[]) {
    const worker = [process.execPath, join(import.meta.dirname, "exchange-worker.ts"), ...args];
    const [program = "", ...rest] = namespace.enter(["taskset", "-c", String(cpu), ...worker]);
    this.#child = spawn(program, rest, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const tracked = lab.track(this.#child.pid ?? 0);
    this.#exited = once(this.#child, "exit").finally(() => tracked[Symbol.dispose]());
  }

  /** Starts one that lives as long as the lab. @param args see `exchange-worker.ts`. */
  static async start(
    lab: Lab,
    namespace: NetworkNamespace,
    cpu: number,
    args: readonly string[],
  ): Promise<ExchangeProcess> {
    const started = lab.use(new ExchangeProcess(lab, namespace, cpu, args));
    await started.#answer();
    return started;
  }

  async run(kind: ExchangeKind, count: number): Promise<Expense> {
    this.#child.send({ kind, count });
    const answer = await this.#answer();
    if ("expense" in answer) return answer.expense;
    throw new Error(`bench ${kind}: ${"error" in answer ? answer.error : "no figures"}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill("SIGKILL");
    await this.#exited;
  }

  async #answer(): Promise<Answer> {
    const ended = this.#exited.then(() => ({ error: "the process ended" }));
    const message = once(this.#child, "message").then(([answer]) => answer as Answer);
    return Promise.race([message, ended]);
  }
}
