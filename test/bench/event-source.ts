import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Lab } from "#agent/local/lab.ts";
import type { NetworkNamespace } from "#agent/local/network-namespace.ts";
import type { EventOrder } from "./event-worker.ts";

/** Makes events in a node: see `event-worker.ts`. */
export class EventSource implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor(lab: Lab, namespace: NetworkNamespace, program: string) {
    const [command = "", ...args] = namespace.enter([
      process.execPath,
      join(import.meta.dirname, "event-worker.ts"),
      program,
    ]);
    this.#child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const tracked = lab.track(this.#child.pid ?? 0);
    this.#exited = once(this.#child, "exit").finally(() => tracked[Symbol.dispose]());
  }

  /** Starts one that lives as long as the lab. @param program where it is pinned. */
  static async start(lab: Lab, namespace: NetworkNamespace, program: string): Promise<EventSource> {
    const source = lab.use(new EventSource(lab, namespace, program));
    await source.#answer();
    return source;
  }

  /** How many packets it has run. */
  async run(order: EventOrder): Promise<number> {
    this.#child.send(order);
    return (await this.#answer()).made ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill("SIGKILL");
    await this.#exited;
  }

  async #answer(): Promise<{ readonly made?: number }> {
    const ended = this.#exited.then(() => {
      throw new Error("bench: the process that makes events has ended");
    });
    const message = once(this.#child, "message").then(([answer]) => answer as { readonly made?: number });
    return Promise.race([message, ended]);
  }
}
