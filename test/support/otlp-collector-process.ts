import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { NetworkNamespace } from "#agent/local/network-namespace.ts";
import { OtlpCollector, type ReceivedRequest } from "./otlp-collector.ts";

/** An {@link OtlpCollector} on the loopback device of a network namespace, in a process of its own. */
export class OtlpCollectorProcess implements AsyncDisposable {
  readonly requests: ReceivedRequest[] = [];
  readonly url: string;
  readonly #child: ChildProcessByStdio<null, Readable, null>;

  private constructor(child: ChildProcessByStdio<null, Readable, null>, url: string) {
    this.#child = child;
    this.url = url;
  }

  static async start(namespace: NetworkNamespace): Promise<OtlpCollectorProcess> {
    const [program = "", ...args] = namespace.enter([process.execPath, import.meta.filename]);
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface({ input: child.stdout });
    const [url] = (await once(lines, "line")) as [string];
    const collector = new OtlpCollectorProcess(child, url);
    lines.on("line", (line) => collector.requests.push(JSON.parse(line) as ReceivedRequest));
    return collector;
  }

  /** Leaves it without a process to answer: whoever connects waits. */
  stop(): void {
    this.#child.kill("SIGSTOP");
  }

  goOn(): void {
    this.#child.kill("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }
}

if (process.argv[1] === import.meta.filename) {
  const collector = await OtlpCollector.start();
  collector.taken = (request) => process.stdout.write(`${JSON.stringify(request)}\n`);
  process.stdout.write(`${collector.url.origin}\n`);
}
