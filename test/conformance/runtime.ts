import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Network, type PluginConfig, requestConfig, type RequestParts, selectVersion } from "./network.ts";
import { callPlugin, ConformanceError, PluginError, PluginKilled, type Reply } from "./plugin-call.ts";
import { type AddResult, isAtLeast, readResult, type Version, versionAnswer } from "./result-schema.ts";

/** A container's interface in a network. */
export interface Attachment {
  readonly containerId: string;
  readonly ifName: string;
  /** Path of the container's network namespace. */
  readonly netns: string;
  /** CNI_ARGS (cni-20). */
  readonly args?: Readonly<Record<string, string>>;
  /** Of the convention `args.cni.labels`. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly capabilityArgs?: Readonly<Record<string, unknown>>;
}

export interface RuntimeOptions {
  readonly network: Network;
  /** CNI_PATH (cni-21). */
  readonly path: readonly string[];
  /** Where results are kept (cni-72). */
  readonly folder: string;
  /** Puts a command into the runtime's own network namespace (cni-17). */
  readonly enter: (command: readonly string[]) => readonly string[];
}

type Verb = "ADD" | "DEL" | "CHECK" | "STATUS" | "GC";

/** The first version that has a verb. */
const since = { ADD: "0.3.0", DEL: "0.3.0", CHECK: "0.4.0", STATUS: "1.1.0", GC: "1.1.0" } as const;

/**
 * A container runtime's part of CNI, for one network: sections 2 to 4 of the specification, as strict as they are
 * written. Whatever a plugin does beyond them is a {@link ConformanceError}; what it says failed, a {@link PluginError}.
 * The numbers in the comments are those of README.md.
 */
export class Runtime {
  readonly network: Network;
  readonly version: Version;
  readonly #options: RuntimeOptions;
  /** Attachments that have to be deleted at some time, also where ADD failed (cni-65). */
  readonly #owed = new Map<string, Attachment>();
  /** Containers that something is being done for (cni-62). */
  readonly #busy = new Set<string>();
  #collecting = false;
  /** What stands before a plugin: for tests that watch or kill it. */
  wrap: (verb: Verb, type: string) => readonly string[] = () => [];

  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.network = options.network;
    this.version = selectVersion(options.network);
    mkdirSync(options.folder, { recursive: true });
  }

  /** Section 3, "Adding an attachment" (cni-68 to cni-71). Gives the last plugin's result. */
  async add(attachment: Attachment): Promise<AddResult> {
    // cni-61: the namespace is there before any plugin; cni-28: no second ADD without a DEL.
    if (!existsSync(attachment.netns)) throw new ConformanceError(`ADD: ${attachment.netns} does not exist`);
    if (this.#owed.has(keyOf(attachment))) throw new ConformanceError(`ADD of ${keyOf(attachment)} without DEL`);
    return this.#alone(attachment, async () => {
      this.#owed.set(keyOf(attachment), attachment);
      let result: AddResult | undefined;
      for (const plugin of this.network.plugins) {
        const reply = await this.#call("ADD", plugin, { ...requestOf(attachment), prevResult: result }, attachment);
        result = readResult(this.version, reply.output);
      }
      if (result === undefined) throw new ConformanceError("ADD: no plugin gave a result");
      writeFileSync(this.#cachePath(attachment), JSON.stringify(result));
      return result;
    });
  }

  /** Section 3, "Checking an attachment" (cni-76). @throws PluginError at the first plugin that complains (cni-45, cni-46). */
  async check(attachment: Attachment): Promise<void> {
    if (this.network.disableCheck) return; // cni-2, cni-44
    const prevResult = this.result(attachment);
    // cni-43
    if (prevResult === undefined) throw new ConformanceError(`CHECK of ${keyOf(attachment)}, which is not added`);
    await this.#alone(attachment, async () => {
      for (const plugin of this.network.plugins) {
        await this.#call("CHECK", plugin, { ...requestOf(attachment), prevResult }, attachment);
      }
    });
  }

  /** Section 3, "Deleting an attachment": in reverse order, with the final result of ADD (cni-31, cni-73 to cni-75). */
  async delete(attachment: Attachment): Promise<void> {
    const prevResult = isAtLeast(this.version, "0.4.0") ? this.result(attachment) : undefined;
    await this.#alone(attachment, async () => {
      for (const plugin of this.network.plugins.toReversed()) {
        await this.#call("DEL", plugin, { ...requestOf(attachment), prevResult }, attachment);
      }
      rmSync(this.#cachePath(attachment), { force: true });
      this.#owed.delete(keyOf(attachment));
    });
  }

  /**
   * Section 3, "Garbage-collecting a network": while nothing else is done (cni-63), and never in place of DEL (cni-59).
   *
   * @param valid attachments that are to stay (cni-60).
   * @throws AggregateError with all that plugins complained of (cni-77).
   */
  async gc(valid: readonly Attachment[]): Promise<void> {
    if (this.network.disableGC) return; // cni-3
    if (this.#busy.size > 0) throw new ConformanceError(`GC while ${[...this.#busy].join(", ")} is busy`);
    const errors: unknown[] = [];
    const validAttachments = valid.map(({ containerId, ifName }) => ({ containerID: containerId, ifname: ifName }));
    this.#collecting = true;
    for (const plugin of this.network.plugins) {
      await this.#call("GC", plugin, { validAttachments }).catch((error: unknown) => errors.push(error));
    }
    this.#collecting = false;
    if (errors.length > 0) throw new AggregateError(errors, `GC: ${errors.map(String).join("; ")}`);
  }

  /** @throws PluginError of the first plugin that is not ready. */
  async status(): Promise<void> {
    for (const plugin of this.network.plugins) await this.#call("STATUS", plugin, {});
  }

  /** What a plugin answers to VERSION (cni-15). */
  async versions(type: string): Promise<{ cniVersion: string; supportedVersions: string[] }> {
    const reply = await this.call("VERSION", type, { CNI_PATH: this.#path }, { cniVersion: this.version });
    return versionAnswer.parse(reply.output);
  }

  /** Deletes what is left, as runtimes do until they succeed (cni-65). The namespaces are their makers' (cni-67). */
  async deleteAll(): Promise<void> {
    for (const attachment of this.#owed.values()) await this.delete(attachment);
  }

  /** What the last ADD gave, as it was kept. */
  result(attachment: Attachment): AddResult | undefined {
    const path = this.#cachePath(attachment);
    return existsSync(path) ? readResult(this.version, JSON.parse(readFileSync(path, "utf8"))) : undefined;
  }

  /** Runs one plugin of the network by its name, with just these variables. For tests that leave the path of virtue. */
  async call(
    command: string,
    type: string,
    variables: Readonly<Record<string, string>>,
    input: object | string,
    wrap: readonly string[] = [],
  ): Promise<Reply> {
    const plugin = this.#options.enter([...wrap, this.#find(type)]);
    const reply = await callPlugin({ command: plugin, variables: { CNI_COMMAND: command, ...variables }, input });
    if (type.startsWith("weir-") && reply.error && reply.error.cniVersion === undefined) {
      throw new ConformanceError(`${command} by ${type}: an error without cniVersion: ${reply.error.msg}`);
    }
    return reply;
  }

  /** The variables of a verb that is about an attachment (cni-29, cni-35, cni-47). */
  variables({ containerId, ifName, netns, args }: Attachment): Record<string, string> {
    const pairs = Object.entries({ IgnoreUnknown: "1", ...args }).map(([key, value]) => `${key}=${value}`);
    return {
      CNI_CONTAINERID: containerId,
      CNI_NETNS: netns,
      CNI_IFNAME: ifName,
      CNI_ARGS: pairs.join(";"),
      CNI_PATH: this.#path,
    };
  }

  /** What is written to a plugin of the network for an attachment. */
  config(attachment: Attachment, prevResult?: object, plugin = this.network.plugins[0] as PluginConfig): object {
    return requestConfig(this.network, plugin, { ...requestOf(attachment), prevResult });
  }

  get #path(): string {
    return this.#options.path.join(":");
  }

  async #call(verb: Verb, plugin: PluginConfig, request: RequestParts, attachment?: Attachment): Promise<Reply> {
    if (!isAtLeast(this.version, since[verb])) throw new ConformanceError(`${this.version} has no ${verb}`);
    const variables = attachment ? this.variables(attachment) : { CNI_PATH: this.#path };
    const config = requestConfig(this.network, plugin, request);
    const reply = await this.call(verb, plugin.type, variables, config, this.wrap(verb, plugin.type));
    if (reply.killed) throw new PluginKilled(`${verb} by ${plugin.type} was killed`);
    if (reply.error) throw new PluginError(`${verb} by ${plugin.type}`, reply.error);
    if (verb !== "ADD" && reply.output !== null) {
      throw new ConformanceError(`${verb} by ${plugin.type} printed ${JSON.stringify(reply.output)}`);
    }
    return reply;
  }

  /** Section 3: nothing in parallel for one container, and nothing beside GC (cni-62, cni-63). */
  async #alone<T>({ containerId }: Attachment, run: () => Promise<T>): Promise<T> {
    if (this.#busy.has(containerId) || this.#collecting) throw new ConformanceError(`${containerId} is busy`);
    this.#busy.add(containerId);
    try {
      return await run();
    } finally {
      this.#busy.delete(containerId);
    }
  }

  #find(type: string): string {
    const found = this.#options.path.map((folder) => join(folder, type)).find((path) => existsSync(path));
    if (found === undefined) throw new ConformanceError(`find plugin ${type}: it is not in ${this.#path}`);
    accessSync(found, constants.X_OK);
    return found;
  }

  #cachePath(attachment: Attachment): string {
    return join(this.#options.folder, `${this.network.name}-${keyOf(attachment)}.json`);
  }
}

const keyOf = ({ containerId, ifName }: Attachment): string => `${containerId}-${ifName}`;

function requestOf({ labels, capabilityArgs }: Attachment): RequestParts {
  const list = labels && Object.entries(labels).map(([key, value]) => ({ key, value }));
  return { capabilityArgs, args: list && { cni: { labels: list } } };
}
