import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type CommandResult, runCommand } from "#agent/local/command.ts";
import type { LabNode } from "#agent/local/lab-node.ts";
import { LabPod, type LabPodOptions } from "#agent/local/lab-pod.ts";

/** Where a container runtime would look. */
export interface CniPlaces {
  readonly binDir: string;
  readonly confDir: string;
}

interface Plugin {
  readonly type: string;
  readonly capabilities?: Readonly<Record<string, boolean>>;
}

interface Network {
  readonly cniVersion: string;
  readonly name: string;
  readonly plugins: readonly Plugin[];
}

/** The first by name of the networks in a folder: what a runtime takes. */
export function firstNetwork(confDir: string): Network {
  const [file] = readdirSync(confDir)
    .filter((name) => /\.(conf|conflist|json)$/.test(name))
    .sort();
  if (file === undefined) throw new Error(`read networks of ${confDir}: there is none`);
  return JSON.parse(readFileSync(join(confDir, file), "utf8")) as Network;
}

/** A pod that a container runtime attaches by nothing but what it finds in its CNI folders. */
export class InstalledPod extends LabPod {
  readonly #places: CniPlaces;
  readonly #asked: Readonly<Record<string, unknown>>;

  private constructor(
    node: LabNode,
    places: CniPlaces,
    options: LabPodOptions,
    asked: Readonly<Record<string, unknown>>,
  ) {
    super(node, options);
    this.#places = places;
    this.#asked = asked;
  }

  /**
   * Makes one and adds it; it lives as long as the lab, unless disposed of earlier.
   *
   * @param asked by capability: what the runtime brings for plugins that have it.
   */
  static async add(
    node: LabNode,
    places: CniPlaces,
    options: LabPodOptions,
    asked: Readonly<Record<string, unknown>> = {},
  ): Promise<InstalledPod> {
    const pod = node.lab.use(new InstalledPod(node, places, options, asked));
    await pod.add();
    return pod;
  }

  /** As the specification's section 3 has it: the plugins in their order, for DEL in the reverse one. */
  override async cni(
    command: "ADD" | "DEL" | "CHECK",
    extra: Readonly<Record<string, unknown>> = {},
  ): Promise<CommandResult> {
    const { cniVersion, name, plugins } = firstNetwork(this.#places.confDir);
    let previous: unknown = extra["prevResult"];
    let result: CommandResult | undefined;
    for (const plugin of command === "DEL" ? plugins.toReversed() : plugins) {
      const { capabilities = {}, ...config } = plugin;
      const brought = Object.entries(this.#asked).filter(([capability]) => capabilities[capability] === true);
      const input = JSON.stringify({
        ...config,
        cniVersion,
        name,
        ...(brought.length > 0 && { runtimeConfig: Object.fromEntries(brought) }),
        ...(previous !== undefined && { prevResult: previous }),
      });
      result = await this.#call(command, plugin.type, input);
      if (result.code !== 0) return result;
      if (command === "ADD") previous = JSON.parse(result.stdout);
    }
    if (result === undefined) throw new Error(`call ${command}: network ${name} has no plugin`);
    return result;
  }

  #call(command: string, type: string, input: string): Promise<CommandResult> {
    const { binDir } = this.#places;
    const env = {
      CNI_COMMAND: command,
      CNI_CONTAINERID: this.containerId,
      CNI_NETNS: this.namespace.path,
      CNI_IFNAME: this.ifName,
      CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${this.podNamespace};K8S_POD_NAME=${this.name}`,
      CNI_PATH: binDir,
    };
    return runCommand(this.node.namespace.enter([join(binDir, type)]), { input, env });
  }
}
