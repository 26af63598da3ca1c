import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type CommandResult, mustRun, runCommand } from "#agent/local/command.ts";
import type { LabNode } from "#agent/local/lab-node.ts";
import { until } from "#agent/local/until.ts";
import { type CriClient, criClient } from "./cri-client.ts";
import { CriPod, type CriPodOptions } from "./cri-pod.ts";
import { imageName, makeImage } from "./image.ts";
import type { CniFolders } from "./cni-folders.ts";

/** Where containerd keeps what CRI made. */
const criNamespace = "k8s.io";

const disabled = ["btrfs", "zfs", "aufs", "devmapper"].map((name) => `io.containerd.snapshotter.v1.${name}`);

/** containerd on a node: its daemon, its command `ctr`, its CRI service, and what it makes. */
export class Containerd implements AsyncDisposable {
  readonly node: LabNode;
  readonly cri: CriClient;
  /** The parent of its containers' cgroups, as runc wants it. */
  readonly cgroupParent: string;
  /** For the logs of containers. */
  readonly logs: string;
  readonly #cni: CniFolders;
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #pods = new AsyncDisposableStack();
  #made = 0;

  private constructor(node: LabNode, cni: CniFolders) {
    if (node.mounts === undefined) throw new Error("start containerd: its node has no mounts of its own");
    this.node = node;
    this.#cni = cni;
    this.#folder = join(node.folder, "containerd");
    this.logs = join(this.#folder, "logs");
    mkdirSync(this.logs, { recursive: true });
    const cgroup = node.lab.cgroup(`${node.name}-containerd`);
    if (cgroup === undefined) throw new Error("start containerd: no cgroup2 hierarchy is mounted");
    // Not beside its containers: a cgroup of version 2 has processes or cgroups in it.
    const daemon = join(cgroup, "daemon");
    mkdirSync(daemon);
    this.cgroupParent = `/${basename(cgroup)}/pods`;
    const config = join(this.#folder, "config.toml");
    writeFileSync(config, this.#config(join(node.mounts.scratch, "containerd")));
    const output = openSync(this.#log, "a");
    const enter = `echo $$ >'${daemon}/cgroup.procs' && exec containerd --config '${config}'`;
    const [program = "", ...args] = node.enter(["sh", "-c", enter]);
    this.#child = spawn(program, args, { stdio: ["ignore", output, output], detached: true });
    closeSync(output);
    const tracked = node.lab.track(this.#child.pid ?? 0);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#exited = promise;
    const ended = () => {
      tracked[Symbol.dispose]();
      resolve();
    };
    this.#child.on("exit", ended);
    this.#child.on("error", ended);
    this.cri = criClient(this.#socket);
  }

  /** Starts it, and waits until it serves CRI and has the image. */
  static async start(node: LabNode, cni: CniFolders): Promise<Containerd> {
    const containerd = node.lab.use(new Containerd(node, cni));
    const image = await makeImage(join(containerd.#folder, "image"));
    await until("containerd", () => containerd.#isReady(), { every: 50 });
    for (const namespace of [criNamespace, "default"]) {
      await mustRun(containerd.#ctr("--namespace", namespace, "images", "import", image));
    }
    return containerd;
  }

  /** Runs `ctr`, containerd's own command, in its namespace `default`. */
  async ctr(...args: readonly string[]): Promise<CommandResult> {
    return runCommand(this.#ctr("--namespace", "default", ...args));
  }

  /** Makes a pod, and gives it back when it runs: RunPodSandbox. It lives as long as the lab, unless removed earlier. */
  async runPod(options: CriPodOptions): Promise<CriPod> {
    this.#made += 1;
    const pod = this.#pods.use(new CriPod(this, options, `uid-${this.#made}`));
    await pod.run();
    return pod;
  }

  /** Makes this the network of its pods from now on: it reads the folder again when that changes. */
  async useNetwork(network: object): Promise<void> {
    this.#cni.use(network);
    await until("containerd's network", async () => (await this.#networks()).includes(JSON.stringify(network)));
  }

  /** Whether it has a network for pods. */
  hasNetwork(): Promise<boolean> {
    return this.#is("NetworkReady");
  }

  /** What it wrote, to look for in a test that fails. */
  logTail(lines = 30): string {
    return readFileSync(this.#log, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pods[Symbol.asyncDispose]();
    this.cri[Symbol.dispose]();
    this.#child.kill("SIGTERM");
    await this.#exited;
  }

  get #socket(): string {
    return join(this.#folder, "socket");
  }

  get #log(): string {
    return join(this.#folder, "containerd.log");
  }

  #ctr(...args: readonly string[]): string[] {
    return this.node.enter(["ctr", "--address", this.#socket, ...args]);
  }

  async #isReady(): Promise<boolean> {
    if (this.#child.exitCode !== null) throw new Error(`start containerd: it ended\n${this.logTail()}`);
    if (!existsSync(this.#socket)) return false;
    return this.#is("RuntimeReady");
  }

  async #is(condition: string): Promise<boolean> {
    const { status } = await this.cri.status({});
    return status?.conditions.find(({ type }) => type === condition)?.status === true;
  }

  /** The texts of the networks that it has read. */
  async #networks(): Promise<string[]> {
    const { info } = await this.cri.status({ verbose: true });
    const { Networks } = JSON.parse(info["cniconfig"] ?? "{}") as { Networks?: { Config: { Source: string } }[] };
    return (Networks ?? []).map(({ Config }) => Config.Source);
  }

  /** @param data in memory: layers of an overlay cannot lie on another. */
  #config(data: string): string {
    return `
version = 2
root = "${join(data, "root")}"
state = "${join(data, "state")}"
disabled_plugins = ${JSON.stringify([...disabled, "io.containerd.internal.v1.opt"])}
[grpc]
address = "${this.#socket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${imageName}"
disable_apparmor = true
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "${this.#cni.binaries}"
conf_dir = "${this.#cni.networks}"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
`;
  }
}
