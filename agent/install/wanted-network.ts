import { join } from "node:path";
import { reasonOf } from "#agent/runtime/errors.ts";
import { chainedNetwork, type NetworkFile, ownNetwork, type WeirPlugin } from "./network-file.ts";
import { commonVersions, PluginVersions } from "./plugin-versions.ts";

export interface WantedNetworkOptions extends WeirPlugin {
  readonly binDir: string;
  readonly confDir: string;
  /** Plugins behind ours; null: portmap, if it is there. */
  readonly chain: readonly string[] | null;
  /** The network of another that ours is added to; null: none. */
  readonly chainedTo: string | null;
}

/** A network as it shall be. */
export interface WantedNetwork {
  readonly text: string;
  /** In the order of their calls. */
  readonly plugins: readonly string[];
  /** Of the CNI specification, oldest first. */
  readonly versions: readonly string[];
}

/** Says which network is wanted with the plugins, and next to the networks, that there are. */
export class NetworkPlan {
  readonly #options: WantedNetworkOptions;
  readonly #versions = new PluginVersions();

  constructor(options: WantedNetworkOptions) {
    this.#options = options;
  }

  /**
   * @param problems is added to, in sentences.
   * @returns null: there is nothing to make it of; a problem says so.
   * @throws Error when our own program does not run.
   */
  async wanted(others: readonly NetworkFile[], problems: string[]): Promise<WantedNetwork | null> {
    const path = join(this.#options.binDir, "weir-cni");
    const own = await this.#versions.of(path);
    if (own === null) throw new Error(`${path} cannot be executed; is its file system mounted noexec?`);
    const { chainedTo } = this.#options;
    return chainedTo === null ? this.#alone(own, problems) : this.#chained(chainedTo, own, others, problems);
  }

  async #alone(own: readonly string[], problems: string[]): Promise<WantedNetwork | null> {
    const chain: string[] = [];
    const lists = [own];
    for (const type of this.#options.chain ?? ["portmap"]) {
      const versions = await this.#versionsOf(type, problems);
      if (versions === null) continue;
      chain.push(type);
      lists.push(versions);
    }
    const plugins = ["weir-cni", ...chain];
    const versions = commonVersions(lists);
    if (versions.length > 0) return { text: ownNetwork(this.#options, chain, versions), plugins, versions };
    problems.push(`${plugins.join(", ")} have no version of the CNI specification in common; see --cni-chain`);
    return null;
  }

  /** Null: it is left out, because every call of the network would fail by it. */
  async #versionsOf(type: string, problems: string[]): Promise<readonly string[] | null> {
    const path = join(this.#options.binDir, type);
    try {
      const versions = await this.#versions.of(path);
      if (versions === null && this.#options.chain !== null) {
        problems.push(`plugin ${type} of --cni-chain is left out: there is no program ${path}`);
      }
      return versions;
    } catch (error) {
      problems.push(`plugin ${type} is left out: ${reasonOf(error)}`);
      return null;
    }
  }

  #chained(
    name: string,
    own: readonly string[],
    others: readonly NetworkFile[],
    problems: string[],
  ): WantedNetwork | null {
    const { confDir } = this.#options;
    const original = others.find(({ list }) => list?.name === name)?.list;
    if (!original) {
      problems.push(
        `there is no network ${name} in ${confDir} that weir-cni could be chained to; see --cni-chained-to`,
      );
      return null;
    }
    const types = original.plugins.map(({ type }) => type);
    if (types.includes("weir-cni")) {
      problems.push(`network ${name} of ${confDir} has weir-cni already; leave --cni-install or --cni-chained-to out`);
      return null;
    }
    if (!own.includes(original.cniVersion)) {
      problems.push(`network ${name} is of CNI version ${original.cniVersion}, which weir-cni does not speak`);
      return null;
    }
    const text = chainedNetwork(original, this.#options);
    return { text, plugins: [...types, "weir-cni"], versions: [original.cniVersion] };
  }
}
