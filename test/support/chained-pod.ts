import { request } from "node:http";
import { text } from "node:stream/consumers";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { agentSocket } from "#agent/api/run-dir-paths.ts";
import type { Attachment } from "#agent/api/attachment.ts";
import { LabError } from "#agent/local/errors.ts";
import type { LabNode } from "#agent/local/lab-node.ts";
import { type CniResult, LabPod, type LabPodOptions } from "#agent/local/lab-pod.ts";
import { linkOf } from "./link-of.ts";
import { callPlugin } from "./cni-plugin.ts";

export interface ChainedPodOptions extends LabPodOptions {
  /** The plugin that makes the veth. */
  readonly by: "bridge" | "ptp";
  /** Of its addresses. */
  readonly subnets?: readonly string[];
  /** Added to its configuration. */
  readonly plugin?: Readonly<Record<string, unknown>>;
}

/** Of addresses of pods by plugin. */
const usualSubnets = { bridge: ["10.88.0.0/24", "fd00:88::/64"], ptp: ["10.89.0.0/24", "fd00:89::/64"] } as const;

/** A pod that bridge or ptp, with host-local, attaches to a node, and whose agent guards it. */
export class ChainedPod extends LabPod {
  readonly #node: LabNode;
  readonly #options: ChainedPodOptions;
  #made: CniResult | undefined;

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
    this.#made = await callPlugin(this.#node, "ADD", this, this.#config);
    await this.guard();
    return this.result;
  }

  /** The part of ADD that is ours. */
  async guard(): Promise<void> {
    const { containerId, ifName } = this;
    const device = linkOf(this.#node.namespace, this.hostInterface);
    const own = this.result.interfaces.find(({ sandbox }) => sandbox !== undefined && sandbox !== "");
    const { id } = await this.#ask<Attachment>("POST", "/v1/attachments", {
      containerId,
      ifName,
      netns: this.namespace.path,
      args: { K8S_POD_NAMESPACE: this.podNamespace, K8S_POD_NAME: this.name },
      labels: this.#options.labels ?? {},
      chained: {
        hostInterface: this.hostInterface,
        mac: own?.mac,
        hostMac: device.mac,
        ipv4: this.ipv4,
        ipv6: this.ipv6,
      },
    });
    await this.#ask("POST", `/v1/attachments/${id}/activate`, { ifindex: device.index });
  }

  /** The part of DEL that is ours. */
  async unguard(): Promise<void> {
    await this.#ask("DELETE", `/v1/attachments?containerId=${this.containerId}&ifName=${this.ifName}`);
  }

  /** What is wrong with the attachment, in sentences. */
  async problems(): Promise<string[]> {
    const { containerId, ifName, hostInterface, ipv4, ipv6 } = this;
    const asked = { containerId, ifName, hostInterface, addresses: [ipv4, ipv6] };
    return (await this.#ask<{ problems: string[] }>("POST", "/v1/attachments/check", asked)).problems;
  }

  override async delete(): Promise<void> {
    await this.unguard();
    await this.#remove();
  }

  override get result(): CniResult {
    if (this.#made === undefined) throw new LabError("cni-failed", `read result of pod ${this.name}: it is not added`);
    return this.#made;
  }

  /** Name of the node's end of the veth pair: the one that is no bridge. */
  override get hostInterface(): string {
    const bridge = this.#options.by === "bridge" ? "cni0" : undefined;
    const host = this.result.interfaces.find(({ name, sandbox }) => !sandbox && name !== bridge);
    if (host === undefined) throw new LabError("cni-failed", `find host interface of pod ${this.name}`);
    return host.name;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.#remove();
    await super[Symbol.asyncDispose]();
  }

  async #remove(): Promise<void> {
    if (this.#made === undefined) return;
    this.#made = undefined;
    await callPlugin(this.#node, "DEL", this, this.#config);
  }

  get #config(): { readonly type: string } & Readonly<Record<string, unknown>> {
    const { by, plugin = {}, subnets = usualSubnets[by] } = this.#options;
    return {
      type: by,
      ...(by === "bridge" && { bridge: "cni0", isDefaultGateway: true }),
      ipam: {
        type: "host-local",
        dataDir: join(this.#node.folder, "host-local"),
        ranges: subnets.map((subnet) => [{ subnet }]),
        ...(by === "ptp" && { routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] }),
      },
      ...plugin,
    };
  }

  async #ask<T>(method: string, path: string, body?: object): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    const asked = request({ socketPath: agentSocket(this.#node.runDir), method, path, headers }, resolve);
    asked.once("error", reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
    const answer = await promise;
    const content = await text(answer);
    if ((answer.statusCode ?? 500) > 299) throw new LabError("cni-failed", `${method} ${path}: ${content}`);
    return JSON.parse(content) as T;
  }
}
