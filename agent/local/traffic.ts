import { type ChildProcess, spawn } from "node:child_process";
import { extname, join } from "node:path";
import { LabError } from "./errors.ts";
import type { NetworkNamespace } from "./network-namespace.ts";
import {
  messageSize,
  type Outcome,
  type Reply,
  type Service,
  type StreamReport,
  type StreamShape,
  type Target,
  type TrafficAnswer,
  type TrafficRequest,
  type Transport,
} from "./traffic-protocol.ts";

export interface AttemptOptions {
  /** Milliseconds after which an attempt counts as silent. */
  readonly timeout?: number;
  /** 0: any. */
  readonly sourcePort?: number;
  /** Bytes of the request; default 5. */
  readonly size?: number;
  /** Ends the attempt, as silent, for who knows before the time is over that nothing will come. */
  readonly signal?: AbortSignal;
}

/** A stream of messages to a server or from it; ends when disposed of. */
export interface Stream extends AsyncDisposable {
  report(): Promise<StreamReport>;
  /** Sends no more, waits a little for what is under way, and reports. */
  stop(): Promise<StreamReport>;
}

/** Real traffic of one pod: servers and clients in a process inside its network namespace. */
export class Traffic implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #exited: Promise<void>;
  #next = 1;

  /** @param track is told of the process, so that it ends with this one. */
  constructor(namespace: Pick<NetworkNamespace, "enter">, track: (pid: number) => Disposable) {
    // Beside this file, be it a source or bundled.
    const worker = join(import.meta.dirname, `traffic-worker${extname(import.meta.filename)}`);
    const [program = "", ...args] = namespace.enter([process.execPath, worker]);
    // In a process group of its own: Ctrl-C on a terminal is for the one that makes the lab.
    this.#child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit", "ipc"], detached: true });
    const tracked = track(this.#child.pid ?? 0);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#exited = promise;
    this.#child.on("message", (reply: Reply) => this.#settle(reply));
    const ended = (reason: string) => {
      tracked[Symbol.dispose]();
      const error = new LabError("worker-ended", `make traffic: ${reason}`);
      for (const waiter of this.#waiting.values()) waiter.reject(error);
      this.#waiting.clear();
      resolve();
    };
    this.#child.on("error", (error) => ended(error.message));
    this.#child.on("exit", () => ended("the process ended"));
  }

  /**
   * Starts a server, an echo server unless told; resolves when it listens.
   *
   * @param host the address that it listens on; default: all of both families.
   */
  async serve(protocol: Transport, port: number, service: Service = "echo", host = "::"): Promise<void> {
    await this.#ask({ kind: "serve", protocol, port, service, host });
  }

  /** One request and its echo: a TCP connection, or a UDP datagram that is repeated until the time is over. */
  async attempt(
    target: Target,
    { timeout = 1000, sourcePort = 0, size = 5, signal }: AttemptOptions = {},
  ): Promise<Outcome> {
    const attempt = this.#next;
    const abandon = (): void => void this.#ask({ kind: "abandon", attempt });
    const outcome = this.#ask({ kind: "attempt", target, timeout, sourcePort, size });
    signal?.addEventListener("abort", abandon, { once: true });
    try {
      return await outcome;
    } finally {
      signal?.removeEventListener("abort", abandon);
    }
  }

  /** One request of HTTP, on a connection of its own. @returns the status of the answer; 0: none came in time. */
  async ask(url: string, { method = "GET", timeout = 5000 } = {}): Promise<number> {
    return this.#ask({ kind: "ask", url, method, timeout });
  }

  /** Starts a stream, with 5 ms between messages unless told; for TCP resolves when it is connected. */
  async stream(target: Target, options: Partial<StreamShape> = {}): Promise<Stream> {
    const shape = { interval: 5, sourcePort: 0, size: messageSize, ...options };
    const stream = await this.#ask({ kind: "start", target, ...shape });
    const stop = async () => this.#ask({ kind: "stop", stream });
    return {
      report: async () => this.#ask({ kind: "report", stream }),
      stop,
      [Symbol.asyncDispose]: async () => void (await stop()),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill("SIGKILL");
    await this.#exited;
  }

  #ask<K extends TrafficRequest["kind"]>(request: TrafficRequest & { kind: K }): Promise<TrafficAnswer[K]> {
    const id = this.#next++;
    const waiter = Promise.withResolvers<TrafficAnswer[K]>();
    this.#waiting.set(id, waiter as PromiseWithResolvers<unknown>);
    if (!this.#child.connected) waiter.reject(new LabError("worker-ended", "make traffic: the process has ended"));
    else this.#child.send({ id, request });
    return waiter.promise;
  }

  #settle(reply: Reply): void {
    const waiter = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ("error" in reply) waiter?.reject(new LabError("command-failed", `make traffic: ${reply.error}`));
    else waiter?.resolve(reply.answer);
  }
}
