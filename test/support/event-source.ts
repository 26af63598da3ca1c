import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "#agent/local/command.ts";
import type { LabNode } from "#agent/local/lab-node.ts";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { buildPacket, type TcpFlag } from "./packet.ts";
import type { EventOrder } from "./event-worker.ts";

/** Makes events in a node: see `event-worker.ts`. */
export class EventSource implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor({ lab, namespace, bpffs }: LabNode) {
    const programs = join(bpffs, "weir", "programs");
    const [hash = ""] = readdirSync(programs);
    const [command = "", ...args] = namespace.enter([
      process.execPath,
      join(import.meta.dirname, "event-worker.ts"),
      join(programs, hash, "pod_egress"),
    ]);
    this.#child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const tracked = lab.track(this.#child.pid ?? 0);
    this.#exited = once(this.#child, "exit").finally(() => tracked[Symbol.dispose]());
  }

  /** Starts one that lives as long as the lab. */
  static async start(node: LabNode): Promise<EventSource> {
    const source = node.lab.use(new EventSource(node));
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

/** A packet of one pod to the other. */
export function frameOf(from: LabPod, to: LabPod, ports: readonly [number, number], ...flags: TcpFlag[]): string {
  const [sport, dport] = ports;
  const macOf = (isPod: boolean) => from.result.interfaces.find(({ sandbox }) => isPod === !!sandbox)?.mac ?? "";
  const ends = { sourceMac: macOf(true), destinationMac: macOf(false), source: from.ipv4, destination: to.ipv4 };
  const bytes = buildPacket({ ...ends, transport: { kind: "tcp", sport, dport, flags } });
  return Buffer.from(bytes).toString("base64");
}

/** Index of the host side of a pod's veth. */
export async function deviceOf({ namespace }: LabNode, pod: LabPod): Promise<number> {
  const text = await mustRun(["ip", "-n", namespace.name, "-j", "link", "show", "dev", pod.hostInterface]);
  return (JSON.parse(text) as [{ ifindex: number }])[0].ifindex;
}
