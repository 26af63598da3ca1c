import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "#agent/local/lab.ts";
import type { LabNode } from "#agent/local/lab-node.ts";
import type { NetworkNamespace } from "#agent/local/network-namespace.ts";
import type { PluginAnswer, PluginReply, PluginRequest, PluginRun } from "./cni-run.ts";

/** A CNI plugin with its configuration. */
export interface Network {
  readonly plugin: string;
  readonly config: Readonly<Record<string, unknown>>;
}

const debianPlugins = "/usr/lib/cni";

/** `weir-cni`, with the agent that answers in a run folder. */
export function weirNetwork(lab: Lab, runDir: string): Network {
  const config = { cniVersion: "1.0.0", name: "weir", type: "weir-cni", runDir };
  return { plugin: join(lab.dist, "weir-cni"), config };
}

/** Debian's bridge with host-local addresses: what a node without policy would use. */
export function bridgeNetwork(lab: Lab): Network {
  const ipam = hostLocal(lab, "10.88.0.0/16");
  const config = { cniVersion: "1.0.0", name: "bridge", type: "bridge", bridge: "cni0", isGateway: true, ipam };
  return { plugin: join(debianPlugins, "bridge"), config };
}

/** Debian's ptp with host-local addresses: a veth for each pod, and a route to it. */
export function ptpNetwork(lab: Lab): Network {
  const config = { cniVersion: "1.0.0", name: "ptp", type: "ptp", ipam: hostLocal(lab, "10.89.0.0/16") };
  return { plugin: join(debianPlugins, "ptp"), config };
}

function hostLocal(lab: Lab, subnet: string): object {
  const dataDir = join(lab.folder, "host-local");
  mkdirSync(dataDir, { recursive: true });
  return { type: "host-local", ranges: [[{ subnet }]], routes: [{ dst: "0.0.0.0/0" }], dataDir };
}

/** Runs plugins in a node's network namespace, and takes the time without that of getting there. */
export class PluginRunner implements Disposable {
  readonly #child;

  constructor(node: LabNode) {
    const [program = "", ...args] = node.namespace.enter([
      process.execPath,
      join(import.meta.dirname, "cni-runner.ts"),
    ]);
    this.#child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const tracked = node.lab.track(this.#child.pid ?? 0);
    this.#child.on("exit", () => tracked[Symbol.dispose]());
  }

  /** @returns milliseconds. @throws Error with what the plugin said, when it fails. */
  async call(network: Network, command: "ADD" | "DEL", pod: NetworkNamespace): Promise<number> {
    const [elapsed = Number.NaN] = await this.callAll(network, command, [pod]);
    return elapsed;
  }

  /** The same for several pods at the same time. */
  async callAll(
    { plugin, config }: Network,
    command: "ADD" | "DEL",
    pods: readonly NetworkNamespace[],
  ): Promise<number[]> {
    const input = JSON.stringify(config);
    const answers = await this.#run(pods.map((pod) => ({ plugin, env: environment(command, pod), input })));
    return answers.map(({ elapsed, code, stdout }) => {
      if (code !== 0) throw new Error(`${command} by ${plugin}: exit code ${code}: ${stdout}`);
      return elapsed;
    });
  }

  /** The highest resident memory so far, in bytes, of the plugin that was started last. */
  async peak(): Promise<number> {
    this.#send({ kind: "peak" });
    for (;;) {
      const [reply] = (await once(this.#child, "message")) as [PluginReply];
      if (reply.kind === "peak") return reply.bytes;
    }
  }

  [Symbol.dispose](): void {
    this.#child.kill();
  }

  async #run(runs: readonly PluginRun[]): Promise<readonly PluginAnswer[]> {
    this.#send({ kind: "run", runs });
    for (;;) {
      const [reply] = (await once(this.#child, "message")) as [PluginReply];
      if (reply.kind === "run") return reply.answers;
    }
  }

  #send(request: PluginRequest): void {
    this.#child.send(request);
  }
}

function environment(command: string, pod: NetworkNamespace): Record<string, string> {
  return {
    CNI_COMMAND: command,
    CNI_CONTAINERID: pod.name,
    CNI_NETNS: pod.path,
    CNI_IFNAME: "eth0",
    CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=bench;K8S_POD_NAME=pod",
    CNI_PATH: debianPlugins,
  };
}
