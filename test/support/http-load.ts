import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { until } from "#agent/local/until.ts";

/** What was answered since the load began. */
export interface LoadReport {
  /** How often each status came. */
  readonly statuses: Readonly<Record<string, number>>;
  /** How often there was no answer, by the reason. */
  readonly failures: Readonly<Record<string, number>>;
  /** Connections. */
  readonly opened: number;
}

export interface LoadTarget {
  readonly address: string;
  readonly port?: number;
  readonly path?: string;
  readonly connections?: number;
}

/** A pod that asks again and again, on connections that are kept alive. Ends when disposed of. */
export class HttpLoad implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #tracked: Disposable;

  constructor(pod: LabPod, { address, port = 80, path = "/public/x", connections = 8 }: LoadTarget) {
    const worker = join(import.meta.dirname, "http-load-worker.ts");
    const args = [address, String(port), path, String(connections)];
    const [program = "", ...rest] = pod.namespace.enter([process.execPath, worker, ...args]);
    this.#child = spawn(program, rest, { stdio: ["ignore", "inherit", "inherit", "ipc"], detached: true });
    this.#tracked = pod.node.lab.track(this.#child.pid ?? 0);
  }

  async report(): Promise<LoadReport> {
    const answered = once(this.#child, "message");
    this.#child.send("report");
    const [report] = (await answered) as [LoadReport];
    return report;
  }

  /** Waits until so many more requests have been answered as asked. */
  async more(requests: number, status = 200): Promise<LoadReport> {
    const of = ({ statuses }: LoadReport): number => statuses[status] ?? 0;
    const before = of(await this.report());
    return until(`${requests} more answers of status ${status}`, async () => {
      const report = await this.report();
      return of(report) >= before + requests ? report : false;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#child, "exit");
    if (this.#child.exitCode === null) this.#child.kill("SIGKILL");
    await exited;
    this.#tracked[Symbol.dispose]();
  }
}
