import { join } from "node:path";
import { LabError } from "#agent/local/errors.ts";
import type { LabNode } from "#agent/local/lab-node.ts";
import { type CniResult, LabPod, type LabPodOptions } from "#agent/local/lab-pod.ts";
import { type PluginOutput, runPlugin } from "./plugin-run.ts";

export interface ChainedPodOptions extends LabPodOptions {
  /** The plugin that makes the veth. */
  readonly by: "bridge" | "ptp";
  /** Of its addresses. */
  readonly subnets?: readonly string[];
  /** False: only by the other plugin, until {@link ChainedPod.guard}. */
  readonly isGuarded?: boolean;
  /** Added to the plugin's configuration. */
  readonly plugin?: Readonly<Record<string, unknown>>;
}

/** Of addresses of pods by plugin. */
const usualSubnets = { bridge: ["10.88.0.0/24", "fd00:88::/64"], ptp: ["10.89.0.0/24", "fd00:89::/64"] } as const;

const bridge = "cni0";

/** A pod that bridge or ptp, with host-local, attaches to its node, and ours, behind it in the list, guards. */
export class ChainedPod extends LabPod {
  readonly #node: LabNode;
  readonly #options: ChainedPodOptions;
  #previous: PluginOutput | undefined;

  private constructor(node: LabNode, options: ChainedPodOptions) {
    super(node, options);
    this.#node = node;
    this.#options = options;
  }

  /** Makes one; it lives as long as the lab, unless disposed of earlier. */
  static async add(node: LabNode, options: ChainedPodOptions): Promise<ChainedPod> {
    const pod = node.lab.use(new ChainedPod(node, options));
    await pod.add();
    return pod;
  }

  override async add(): Promise<CniResult> {
    this.#previous = await this.#run("ADD");
    if (this.#options.isGuarded !== false) await this.guard();
    return this.result;
  }

  /** Our part of ADD. */
  async guard(): Promise<void> {
    const { code, stdout, stderr } = await this.cni("ADD");
    if (code !== 0) throw new LabError("cni-failed", `ADD of chained pod ${this.name}: ${stdout || stderr}`);
  }

  override async cni(
    command: "ADD" | "DEL" | "CHECK",
    extra: Readonly<Record<string, unknown>> = {},
  ): ReturnType<LabPod["cni"]> {
    return super.cni(command, { cniVersion: "1.0.0", prevResult: this.#previous, ...extra });
  }

  override async delete(): Promise<void> {
    await this.unguard();
    await this.#remove();
  }

  /** Our part of DEL, which comes first: the interface is still there. */
  async unguard(): Promise<void> {
    const { code, stdout, stderr } = await this.cni("DEL");
    if (code !== 0) throw new LabError("cni-failed", `DEL of chained pod ${this.name}: ${stdout || stderr}`);
  }

  override get result(): CniResult {
    if (this.#previous === undefined)
      throw new LabError("cni-failed", `read result of pod ${this.name}: it is not added`);
    return this.#previous as unknown as CniResult;
  }

  /** Name of the node's end of the veth pair. */
  override get hostInterface(): string {
    const host = this.result.interfaces.find(({ name, sandbox }) => !sandbox && name !== bridge);
    if (host === undefined) throw new LabError("cni-failed", `find host interface of pod ${this.name}`);
    return host.name;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    if (this.#previous !== undefined) await this.cni("DEL");
    await this.#remove();
    await super[Symbol.asyncDispose]();
  }

  async #remove(): Promise<void> {
    if (this.#previous === undefined) return;
    await this.#run("DEL");
    this.#previous = undefined;
  }

  async #run(command: "ADD" | "DEL"): Promise<PluginOutput> {
    const { by, plugin = {}, subnets = usualSubnets[by] } = this.#options;
    const config = {
      type: by,
      ...(by === "bridge" && { bridge, isDefaultGateway: true }),
      ipam: {
        type: "host-local",
        dataDir: join(this.#node.folder, "host-local"),
        ranges: subnets.map((subnet) => [{ subnet }]),
        ...(by === "ptp" && { routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] }),
      },
      ...plugin,
    };
    const { exitCode, ...output } = await runPlugin(this.#node, command, config, this);
    if (exitCode !== 0) throw new LabError("cni-failed", `${command} of ${this.name} by ${by}: ${output.msg}`);
    return output as PluginOutput;
  }
}
