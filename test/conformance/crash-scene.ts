/** An attachment that crashes happen to, and what has to hold afterwards. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { LabNode } from "#agent/local/lab-node.ts";
import { Traffic } from "#agent/local/traffic.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { behindBridge, type Container, hostLocal, makeContainer, runtimeOf, weirPlugin } from "./containers.ts";
import { expectState, type NodeState, nodeState } from "./node-state.ts";
import { PluginError, PluginKilled } from "./plugin-call.ts";
import type { AddResult } from "./result-schema.ts";
import type { Runtime } from "./runtime.ts";

/** The networks that the attachment can be of. */
const networks = {
  "with the agent's addresses": (node: LabNode) => runtimeOf(node),
  "with another plugin's addresses": (node: LabNode) =>
    runtimeOf(node, {
      cniVersion: "1.0.0",
      name: "delegated",
      plugins: [weirPlugin(node, { ipam: hostLocal(node, "10.98.0.0/16") })],
    }),
  "behind a bridge": (node: LabNode) =>
    runtimeOf(node, { cniVersion: "1.0.0", name: "chained", plugins: behindBridge(node) }),
} as const;
export type NetworkName = keyof typeof networks;

export class CrashScene implements AsyncDisposable {
  readonly node: LabNode;
  readonly runtime: Runtime;
  readonly container: Container;
  /** A container that stays, and sends. */
  readonly #client: Container;
  readonly #traffic: Traffic;
  #before: NodeState = {};

  private constructor(node: LabNode, network: NetworkName) {
    this.node = node;
    this.runtime = networks[network](node);
    this.container = makeContainer(node, "client");
    this.#client = makeContainer(node, "client");
    this.#traffic = new Traffic(this.#client.namespace, (pid) => node.lab.track(pid));
  }

  /** On a node that runs. */
  static async make(node: LabNode, network: NetworkName): Promise<CrashScene> {
    const scene = new CrashScene(node, network);
    await scene.runtime.add(scene.#client);
    // A first life of the container, for what is made once.
    await scene.runtime.add(scene.container);
    await scene.runtime.delete(scene.container);
    scene.#before = { ...(await nodeState(node)), leases: scene.#leases() };
    return scene;
  }

  /** ADD; what it failed by is a result as well. */
  async add(): Promise<AddResult | PluginError | PluginKilled> {
    return this.runtime.add(this.container).catch(failure);
  }

  /** DEL; the same. */
  async delete(): Promise<void | PluginError | PluginKilled> {
    return this.runtime.delete(this.container).catch(failure);
  }

  /** Expects an attachment without a fault: packets come and go, and CHECK has no complaint. */
  async expectComplete({ ips = [] }: AddResult): Promise<void> {
    for (const { address } of ips) await expectTraffic(this.#traffic, address.split("/")[0] ?? "", 80, "refused");
    await this.runtime.check(this.container);
  }

  /** Expects the node as it was without the attachment. */
  async expectNothing(what: string): Promise<void> {
    const { leases, ...before } = this.#before;
    await expectState(this.node, before, what);
    expect(this.#leases()).toEqual(leases);
  }

  /** The rest of a runtime's life with the container after a crash: DEL brings the old state back, and a next ADD is as the first. */
  async expectRecovery(what: string, alsoAgain: boolean): Promise<void> {
    await this.runtime.delete(this.container);
    await this.expectNothing(what);
    if (!alsoAgain) return;
    await this.expectComplete(await this.runtime.add(this.container));
    await this.runtime.delete(this.container);
    await this.expectNothing(`${what} and another life`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#traffic[Symbol.asyncDispose]();
    await this.runtime.deleteAll();
  }

  /** Addresses that host-local has given. */
  #leases(): string[] {
    const folder = join(this.node.folder, "host-local", this.runtime.network.name);
    return existsSync(folder) ? readdirSync(folder).filter((name) => /^\d+\.\d+\.\d+\.\d+$/.test(name)) : [];
  }
}

function failure(error: unknown): PluginError | PluginKilled {
  if (error instanceof PluginError || error instanceof PluginKilled) return error;
  throw error;
}
