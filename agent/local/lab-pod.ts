import { join } from "node:path";
import { type CommandResult, runCommand } from "./command.ts";
import { LabError } from "./errors.ts";
import type { Lab } from "./lab.ts";
import type { NetworkNamespace } from "./network-namespace.ts";
import { Traffic } from "./traffic.ts";

export interface LabPodOptions {
  /** `default` unless told. */
  readonly namespace?: string;
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly serviceAccount?: string;
  /** Added to the network configuration, for example `{mtu: 1400}`. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** What a pod needs of the node that it is on. */
export interface PodHost {
  readonly lab: Lab;
  readonly namespace: Pick<NetworkNamespace, "enter">;
  readonly runDir: string;
}

/** The part of a CNI result that tests and the playground read. */
export interface CniResult {
  readonly cniVersion: string;
  readonly interfaces: readonly { readonly name: string; readonly mac: string; readonly sandbox?: string }[];
  readonly ips: readonly { readonly address: string; readonly gateway: string; readonly interface: number }[];
}

/** A CNI error as the binary prints it. */
export interface CniError {
  readonly code: number;
  readonly msg: string;
  readonly details?: string;
}

/** A pod: a network namespace that the real CNI binary attaches to its node. */
export class LabPod implements AsyncDisposable {
  readonly node: PodHost;
  readonly name: string;
  readonly podNamespace: string;
  readonly namespace: NetworkNamespace;
  readonly containerId: string;
  readonly ifName = "eth0";
  readonly #labels: Readonly<Record<string, string>>;
  readonly #config: Readonly<Record<string, unknown>>;
  #result: CniResult | undefined;
  #traffic: Traffic | undefined;

  /** Use `LabNode.addPod`. */
  constructor(node: PodHost, { namespace = "default", name, labels = {}, serviceAccount, config = {} }: LabPodOptions) {
    this.node = node;
    this.name = name;
    this.podNamespace = namespace;
    this.#labels =
      serviceAccount === undefined ? labels : { ...labels, "io.kubernetes.serviceaccount.name": serviceAccount };
    this.#config = config;
    this.namespace = node.lab.namespace(`pod-${name}`);
    this.containerId = this.namespace.name;
  }

  /** Runs the CNI binary for this pod, as a container runtime would. */
  async cni(command: "ADD" | "DEL" | "CHECK", extra: Readonly<Record<string, unknown>> = {}): Promise<CommandResult> {
    const config = {
      cniVersion: "1.1.0",
      name: "weir",
      type: "weir-cni",
      runDir: this.node.runDir,
      args: { cni: { labels: Object.entries(this.#labels).map(([key, value]) => ({ key, value })) } },
      ...this.#config,
      ...extra,
    };
    const env = {
      CNI_COMMAND: command,
      CNI_CONTAINERID: this.containerId,
      CNI_NETNS: this.namespace.path,
      CNI_IFNAME: this.ifName,
      CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${this.podNamespace};K8S_POD_NAME=${this.name}`,
      CNI_PATH: this.node.lab.dist,
    };
    const binary = join(this.node.lab.dist, "weir-cni");
    return runCommand(this.node.namespace.enter([binary]), { input: JSON.stringify(config), env });
  }

  /** @throws LabError `cni-failed` with the CNI error. */
  async add(): Promise<CniResult> {
    const result = await this.cni("ADD");
    if (result.code !== 0) throw this.#failed("ADD", result);
    this.#result = JSON.parse(result.stdout) as CniResult;
    return this.#result;
  }

  /** @throws LabError `cni-failed` with the CNI error. */
  async delete(): Promise<void> {
    const result = await this.cni("DEL", this.#result === undefined ? {} : { prevResult: this.#result });
    if (result.code !== 0) throw this.#failed("DEL", result);
    this.#result = undefined;
  }

  /** The error of CHECK, or null when all is well. */
  async check(): Promise<CniError | null> {
    const result = await this.cni("CHECK", { prevResult: this.result });
    return result.code === 0 ? null : (JSON.parse(result.stdout) as CniError);
  }

  /** What ADD gave. */
  get result(): CniResult {
    if (this.#result === undefined)
      throw new LabError("cni-failed", `read result of pod ${this.name}: it is not added`);
    return this.#result;
  }

  /** The pod's IPv4 address. */
  get ipv4(): string {
    return this.#address((address) => !address.includes(":")).address;
  }

  get ipv6(): string {
    return this.#address((address) => address.includes(":")).address;
  }

  get gateway4(): string {
    return this.#address((address) => !address.includes(":")).gateway;
  }

  get gateway6(): string {
    return this.#address((address) => address.includes(":")).gateway;
  }

  /** The name of the node's end of the veth pair. */
  get hostInterface(): string {
    const host = this.result.interfaces.find((entry) => entry.sandbox === undefined || entry.sandbox === "");
    if (host === undefined)
      throw new LabError("cni-failed", `find host interface of pod ${this.name}: not in the result`);
    return host.name;
  }

  /** The pod's own traffic: servers, connections, streams. Started at the first use. */
  get traffic(): Traffic {
    return (this.#traffic ??= new Traffic(this.namespace, (pid) => this.node.lab.track(pid)));
  }

  /** Ends the pod's traffic, undoes ADD as far as the agent still answers, and removes the namespace. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#traffic?.[Symbol.asyncDispose]();
    if (this.#result !== undefined) await this.cni("DEL", { prevResult: this.#result });
    this.#result = undefined;
    this.namespace[Symbol.dispose]();
  }

  #address(wanted: (address: string) => boolean): { address: string; gateway: string } {
    const entry = this.result.ips.find(({ address }) => wanted(address));
    if (entry === undefined) throw new LabError("cni-failed", `find address of pod ${this.name}: not in the result`);
    return { address: entry.address.replace(/\/\d+$/, ""), gateway: entry.gateway };
  }

  #failed(command: string, result: CommandResult): LabError {
    return new LabError("cni-failed", `${command} of pod ${this.name}: ${(result.stdout || result.stderr).trim()}`);
  }
}
