import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { LabPod } from "#agent/local/lab-pod.ts";

export interface IdleTarget {
  readonly address: string;
  readonly port: number;
  readonly path: string;
  readonly count: number;
}

/** A pod's connections that have had one request each, and stay open until this is disposed of. */
export class IdleClient implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #tracked: Disposable;

  private constructor(pod: LabPod, { address, port, path, count }: IdleTarget) {
    const worker = join(import.meta.dirname, "idle-worker.ts");
    const args = [address, String(port), path, String(count)];
    const [program = "", ...rest] = pod.namespace.enter([process.execPath, worker, ...args]);
    this.#child = spawn(program, rest, { stdio: ["ignore", "inherit", "inherit", "ipc"], detached: true });
    this.#tracked = pod.node.lab.track(this.#child.pid ?? 0);
  }

  /** @throws Error when not all of them are answered. */
  static async open(pod: LabPod, target: IdleTarget): Promise<IdleClient> {
    const client = new IdleClient(pod, target);
    const [answered] = (await once(client.#child, "message")) as [number];
    if (answered < target.count) throw new Error(`open ${target.count} connections: ${answered} were answered`);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#child, "exit");
    if (this.#child.exitCode === null) this.#child.kill("SIGKILL");
    await exited;
    this.#tracked[Symbol.dispose]();
  }
}
