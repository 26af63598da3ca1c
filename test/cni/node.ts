import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";

import { type DeleteRequest, deleteRequestFolder, parseDeleteRequest } from "#agent/api/delete-request.ts";
import { buildCni } from "#cni/build.ts";
import { type CommandResult, NetworkNamespace } from "#test/support/network-namespace.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

import { FakeAgent } from "./fake-agent.ts";

const binary = resolve(import.meta.dirname, "../../dist/weir-cni");

/** The fields of results and errors that tests look at. */
export interface PluginOutput {
  readonly code?: number;
  readonly msg?: string;
  readonly ips?: readonly object[];
  readonly dns?: object;
}

export interface PluginResult extends CommandResult {
  /** Stdout as JSON, a result or an error; empty when stdout is. */
  readonly json: PluginOutput | undefined;
}

/** A node without Kubernetes: a network namespace, a run folder, and the built binary. */
export class TestNode implements AsyncDisposable {
  readonly netns = new NetworkNamespace("node");
  readonly folder = new TemporaryFolder();
  readonly runDir = this.folder.path;
  #agent: FakeAgent | undefined;

  constructor() {
    buildCni();
  }

  /** A node with a fake agent. */
  static async start(): Promise<TestNode> {
    const node = new TestNode();
    await node.startAgent();
    return node;
  }

  get agent(): FakeAgent {
    if (!this.#agent) throw new Error("the agent does not run");
    return this.#agent;
  }

  async startAgent(): Promise<FakeAgent> {
    return (this.#agent = await FakeAgent.listen(this.runDir));
  }

  async stopAgent(): Promise<void> {
    await this.#agent?.[Symbol.asyncDispose]();
    this.#agent = undefined;
  }

  /** Runs the binary as a runtime would; `input` is text as it is, or an object to be merged into the configuration. */
  async plugin(
    env: Readonly<Record<string, string>>,
    input: string | object = {},
    name = "weir-cni",
  ): Promise<PluginResult> {
    const config = { cniVersion: "1.1.0", name: "weir", type: "weir-cni", runDir: this.runDir };
    const text = typeof input === "string" ? input : JSON.stringify({ ...config, ...input });
    const program = this.folder.join(name);
    if (!existsSync(program)) symlinkSync(binary, program);
    return withJson(await this.netns.start(program, [], { env, input: text }));
  }

  /** Runs the binary with an stdin that cannot be read. */
  async pluginOnFolder(env: Readonly<Record<string, string>>): Promise<PluginResult> {
    return withJson(await this.netns.start("sh", ["-c", `exec ${binary} < /`], { env }));
  }

  /** What waits for the agent to be released. */
  deleteRequests(): DeleteRequest[] {
    const folder = deleteRequestFolder(this.runDir);
    return (existsSync(folder) ? readdirSync(folder) : []).map((name) => {
      const outcome = parseDeleteRequest(readFileSync(join(folder, name), "utf8"));
      if (!outcome.ok) throw new Error(`${name}: ${outcome.error}`);
      return outcome.request;
    });
  }

  /** Names of the devices of the node, without loopback. */
  links(): string[] {
    return linksOf(this.netns);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopAgent();
    this.netns[Symbol.dispose]();
    this.folder[Symbol.dispose]();
  }
}

/** A container: a network namespace, and what the runtime says about it. */
export class TestContainer implements Disposable {
  readonly netns = new NetworkNamespace("pod");
  readonly id = randomBytes(32).toString("hex");
  readonly ifName = "eth0";

  /** The variables of a call. */
  env(command: string, change: Readonly<Record<string, string>> = {}): Record<string, string> {
    return {
      CNI_COMMAND: command,
      CNI_CONTAINERID: this.id,
      CNI_NETNS: this.netns.path,
      CNI_IFNAME: this.ifName,
      CNI_PATH: join(binary, ".."),
      ...change,
    };
  }

  links(): string[] {
    return linksOf(this.netns);
  }

  [Symbol.dispose](): void {
    this.netns[Symbol.dispose]();
  }
}

function withJson(result: CommandResult): PluginResult {
  return { ...result, json: result.stdout === "" ? undefined : (JSON.parse(result.stdout) as PluginOutput) };
}

function linksOf(netns: NetworkNamespace): string[] {
  const links = JSON.parse(netns.run("ip", "-json", "link")) as { ifname: string }[];
  return links.map(({ ifname }) => ifname).filter((name) => name !== "lo");
}
