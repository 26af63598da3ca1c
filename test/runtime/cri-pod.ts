import { create } from "@bufbuild/protobuf";
import type { CommandResult } from "#agent/local/command.ts";
import { Traffic } from "#agent/local/traffic.ts";
import type { Containerd } from "./containerd.ts";
import { type PodSandboxConfig, PodSandboxConfigSchema, Protocol } from "./cri.gen.ts";
import { idle, imageName } from "./image.ts";

export interface PortMapping {
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly containerPort: number;
  readonly hostPort: number;
}

export interface CriPodOptions {
  readonly name: string;
  /** `default` unless told. */
  readonly namespace?: string;
  readonly portMappings?: readonly PortMapping[];
  readonly annotations?: Readonly<Record<string, string>>;
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** A pod as kubelet has containerd make it. */
export class CriPod implements AsyncDisposable {
  readonly name: string;
  readonly podNamespace: string;
  readonly #containerd: Containerd;
  readonly #config: PodSandboxConfig;
  #id: string | undefined;
  #addresses: readonly string[] = [];
  #namespace = "";
  #traffic: Traffic | undefined;

  /** Use `Containerd.runPod`. */
  constructor(containerd: Containerd, options: CriPodOptions, uid: string) {
    const { name, namespace = "default", portMappings = [], annotations = {} } = options;
    this.name = name;
    this.podNamespace = namespace;
    this.#containerd = containerd;
    this.#config = create(PodSandboxConfigSchema, {
      metadata: { name, uid, namespace },
      logDirectory: containerd.logs,
      portMappings: portMappings.map((mapping) => ({ ...mapping, protocol: Protocol[mapping.protocol] })),
      annotations,
      linux: { cgroupParent: containerd.cgroupParent },
    });
  }

  get id(): string {
    if (this.#id === undefined) throw new Error(`use pod ${this.name}: it does not run`);
    return this.#id;
  }

  get ipv4(): string {
    return this.#address(false);
  }

  get ipv6(): string {
    return this.#address(true);
  }

  /** RunPodSandbox. @throws the runtime's error. */
  async run(): Promise<void> {
    const { cri } = this.#containerd;
    this.#id = (await cri.runPodSandbox({ config: this.#config })).podSandboxId;
    const { status, info } = await cri.podSandboxStatus({ podSandboxId: this.#id, verbose: true });
    const { ip = "", additionalIps = [] } = status?.network ?? {};
    this.#addresses = [ip, ...additionalIps.map((additional) => additional.ip)];
    const { runtimeSpec } = JSON.parse(info["info"] ?? "{}") as {
      runtimeSpec: { linux: { namespaces: { type: string; path?: string }[] } };
    };
    this.#namespace = runtimeSpec.linux.namespaces.find(({ type }) => type === "network")?.path ?? "";
  }

  /** The command that runs another one in the pod's network namespace, with the node's files. */
  enter(command: readonly string[]): string[] {
    return this.#containerd.node.enter(["nsenter", `--net=${this.#namespace}`, "--", ...command]);
  }

  /** The pod's own traffic, as of a process in it. Started at the first use. */
  get traffic(): Traffic {
    return (this.#traffic ??= new Traffic(this, (pid) => this.#containerd.node.lab.track(pid)));
  }

  /** CreateContainer, StartContainer. @returns runs a command in the container: ExecSync. */
  async container(
    name: string,
    command: readonly string[] = idle,
  ): Promise<(...command: readonly string[]) => Promise<CommandResult>> {
    const { cri } = this.#containerd;
    const { containerId } = await cri.createContainer({
      podSandboxId: this.id,
      config: {
        metadata: { name },
        image: { image: imageName },
        command: [...command],
        logPath: `${this.name}-${name}.log`,
      },
      sandboxConfig: this.#config,
    });
    await cri.startContainer({ containerId });
    return async (...cmd) => {
      const { stdout, stderr, exitCode } = await cri.execSync({ containerId, cmd: [...cmd], timeout: 30n });
      return { code: exitCode, stdout: textOf(stdout), stderr: textOf(stderr) };
    };
  }

  /** StopPodSandbox: its containers end, and it leaves the network. */
  async stop(): Promise<void> {
    await this.#traffic?.[Symbol.asyncDispose]();
    this.#traffic = undefined;
    await this.#containerd.cri.stopPodSandbox({ podSandboxId: this.id });
  }

  /** StopPodSandbox where that has not been called, and RemovePodSandbox. */
  async remove(): Promise<void> {
    if (this.#id === undefined) return;
    await this.stop();
    await this.#containerd.cri.removePodSandbox({ podSandboxId: this.#id });
    this.#id = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove();
  }

  #address(six: boolean): string {
    const found = this.#addresses.find((address) => address.includes(":") === six);
    if (found === undefined) throw new Error(`read address of pod ${this.name}: it has only ${this.#addresses.join()}`);
    return found;
  }
}
