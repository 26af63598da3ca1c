import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ApiClient } from "#agent/api/client.ts";
import { agentSocket } from "#agent/api/run-dir-paths.ts";
import { endProxies } from "#agent/redirect/end-proxies.ts";
import { AgentProcess } from "./agent-process.ts";
import { type CommandResult, runCommand } from "./command.ts";
import { LabError } from "./errors.ts";
import { LabPod, type LabPodOptions } from "./lab-pod.ts";
import type { Lab } from "./lab.ts";
import type { MountNamespace } from "./mount-namespace.ts";
import type { NetworkNamespace } from "./network-namespace.ts";
import { until } from "./until.ts";

export interface LabNodeOptions {
  readonly name?: string;
  /** IPv4, IPv6 or both, separated by a comma; as `--pod-cidr`. */
  readonly podCidr?: string;
  /** Whether it has a mount namespace of its own, for a container runtime; default no. Not for `addPod`. */
  readonly ownMounts?: boolean;
}

export interface StartOptions {
  /** Further options of the agent. */
  readonly args?: readonly string[];
  readonly degraded?: boolean;
  readonly signal?: AbortSignal;
}

/** One node: a network namespace, folders of its own, an agent when started, and pods. */
export class LabNode implements AsyncDisposable {
  readonly lab: Lab;
  readonly name: string;
  readonly namespace: NetworkNamespace;
  /** Holds `run`, `state`, `bpf` and `objects`, the folders that the agent is given. */
  readonly folder: string;
  /** Where it has one of its own. */
  readonly mounts: MountNamespace | undefined;
  readonly #podCidr: string;
  readonly #cgroup: string | undefined;
  #agent: AgentProcess | undefined;

  private constructor(lab: Lab, options: LabNodeOptions) {
    const { name = "node", podCidr = "10.77.0.0/24,fd00:77::/64", ownMounts = false } = options;
    this.lab = lab;
    this.name = name;
    this.#podCidr = podCidr;
    this.namespace = lab.namespace(name);
    this.folder = join(lab.folder, name);
    for (const part of ["run", "state", "objects"]) mkdirSync(join(this.folder, part), { recursive: true });
    lab.bpffs(join(this.folder, "bpf"));
    this.mounts = ownMounts ? lab.mountNamespace(join(this.folder, "mounts")) : undefined;
    this.#cgroup = lab.cgroup(name);
  }

  /** A node without an agent yet; it lives as long as the lab. */
  static create(lab: Lab, options: LabNodeOptions = {}): LabNode {
    return lab.use(new LabNode(lab, options));
  }

  get runDir(): string {
    return join(this.folder, "run");
  }

  get bpffs(): string {
    return join(this.folder, "bpf");
  }

  get objects(): string {
    return join(this.folder, "objects");
  }

  /** The API of this node's agent. */
  get client(): ApiClient {
    return new ApiClient(agentSocket(this.runDir));
  }

  get agent(): AgentProcess {
    if (this.#agent === undefined) throw new LabError("agent-not-ready", `use agent of ${this.name}: none was started`);
    return this.#agent;
  }

  /** The command that runs another one on this node, as {@link NetworkNamespace.enter}. */
  enter(command: readonly string[]): string[] {
    return this.namespace.enter(this.mounts?.enter(command) ?? command);
  }

  /** The options that every agent of this node is started with. */
  get agentOptions(): string[] {
    const options: Record<string, string | undefined> = {
      "--run-dir": this.runDir,
      "--state-dir": join(this.folder, "state"),
      "--bpffs": this.bpffs,
      "--objects": this.objects,
      "--node-name": this.name,
      "--pod-cidr": this.#podCidr,
      "--cgroup": this.#cgroup,
    };
    return Object.entries(options).flatMap(([flag, value]) => (value === undefined ? [] : [flag, value]));
  }

  /** What `weir cleanup` is told of this node besides its run folder. */
  get cleanupOptions(): string[] {
    return ["--state-dir", join(this.folder, "state"), "--bpffs", this.bpffs];
  }

  /**
   * Starts the agent, after {@link AgentProcess.stop} or `kill` once more, and waits
   * until `weir status` says that it is ready; with `degraded`, only until it says anything.
   *
   * @throws LabError `agent-not-ready`, with the end of the agent's log.
   */
  async startAgent(options: StartOptions = {}): Promise<void> {
    this.#agent = new AgentProcess({
      command: this.enter([join(this.lab.dist, "weir"), "agent", ...this.agentOptions, ...(options.args ?? [])]),
      log: join(this.folder, "agent.log"),
      track: (pid) => this.lab.track(pid),
    });
    const { client } = this;
    // The command takes longer to start than the answer to come: asked only when there is somebody to answer.
    const isReady = async () => {
      const { state } = await client.status();
      return options.degraded === true || (state === "ok" && (await this.weir("status")).code === 0);
    };
    await this.#agent.ready(isReady, options.signal);
  }

  /** Runs `weir` on this node, against its agent. */
  async weir(...args: readonly string[]): Promise<CommandResult> {
    const command = [join(this.lab.dist, "weir"), "--run-dir", this.runDir, ...args];
    return runCommand(this.enter(command));
  }

  /** Runs a reading `weir` command and parses what it prints. The caller knows the shape. */
  async read<T>(...args: readonly string[]): Promise<T> {
    const result = await this.weir(...args, "-o", "json");
    if (result.code !== 0 && result.stdout === "") {
      throw new LabError("command-failed", `weir ${args.join(" ")}: exit code ${result.code}: ${result.stderr.trim()}`);
    }
    return JSON.parse(result.stdout) as T;
  }

  /** The policy revision that the agent reports. */
  async revision(): Promise<number> {
    return (await this.client.policyRevision()).revision;
  }

  /** Puts a file into the objects folder, whole at once, and does not wait for the agent to see it. */
  writeObjects(file: string, text: string): void {
    const target = join(this.objects, file);
    writeFileSync(join(this.folder, file), text);
    renameSync(join(this.folder, file), target);
  }

  /**
   * Changes the objects folder and waits until a newer policy revision is in force.
   *
   * @param text of the file; null removes it.
   */
  async changeObjects(file: string, text: string | null): Promise<void> {
    const before = await this.revision();
    if (text === null) rmSync(join(this.objects, file));
    else this.writeObjects(file, text);
    await until(`a policy revision after ${before}`, async () => (await this.revision()) > before);
    await this.client.waitRevision(undefined);
  }

  /** Makes a pod and adds it by the CNI binary. It lives as long as the lab, unless disposed of earlier. */
  async addPod(options: LabPodOptions): Promise<LabPod> {
    const pod = this.lab.use(new LabPod(this, options));
    await pod.add();
    return pod;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent?.stop();
    // They outlive the agent, on purpose.
    await endProxies(this.runDir);
  }
}
