import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { LabPod } from "#agent/local/lab-pod.ts";

/** A pod that asks a resolver for names, a hundred a second, until it reports or is disposed of. */
export class DnsLoad implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #tracked: Disposable;

  constructor(pod: LabPod, resolver: string) {
    const worker = join(import.meta.dirname, "dns-load-worker.ts");
    const [program = "", ...rest] = pod.namespace.enter([process.execPath, worker, resolver]);
    this.#child = spawn(program, rest, { stdio: ["ignore", "inherit", "inherit", "ipc"], detached: true });
    this.#tracked = pod.node.lab.track(this.#child.pid ?? 0);
  }

  /** Ends it. @throws Error when nothing was asked. */
  async report(): Promise<{ readonly asked: number; readonly failed: number }> {
    this.#child.send("report");
    const [report] = (await once(this.#child, "message")) as [{ asked: number; failed: number }];
    if (report.asked === 0) throw new Error("ask for names: none was asked for");
    return report;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, "exit");
      this.#child.kill("SIGKILL");
      await exited;
    }
    this.#tracked[Symbol.dispose]();
  }
}
