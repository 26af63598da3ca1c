/** Network configurations, and what of them a plugin is given. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { isAtLeast, type Version, versions } from "./result-schema.ts";

/** Keys that the runtime writes, and nobody else: section 1, "Reserved keys" (cni-10), and its own prevResult (cni-79). */
const isReserved = (key: string): boolean =>
  ["runtimeConfig", "args", "prevResult"].includes(key) || key.startsWith("cni.dev/");

/** One plugin of a list. What we do not know goes on to it as it is (cni-8, cni-12). */
const pluginConfig = z.looseObject({
  type: z.string().regex(/^[^/\\]+$/),
  capabilities: z.record(z.string(), z.boolean()).optional(),
});
export type PluginConfig = z.infer<typeof pluginConfig>;

const networkConfig = z.object({
  cniVersion: z.string(),
  cniVersions: z.array(z.string()).optional(),
  // cni-1
  name: z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/),
  disableCheck: z.boolean().default(false),
  disableGC: z.boolean().default(false),
  loadOnlyInlinedPlugins: z.boolean().default(false),
  plugins: z.array(pluginConfig).default([]),
});
export type Network = z.infer<typeof networkConfig>;

/**
 * Reads a list of plugins, and those of the folder beside it that has the network's name (cni-4, cni-5, cni-6).
 *
 * @throws an error for a list that the specification does not allow (cni-7).
 */
export function loadNetwork(file: string): Network {
  return readNetwork(JSON.parse(readFileSync(file, "utf8")), join(file, ".."));
}

/** The same for a list at hand. @param folder where a folder of further plugins may be. */
export function readNetwork(value: unknown, folder?: string): Network {
  const network = networkConfig.parse(value);
  const siblings = folder === undefined ? undefined : join(folder, network.name);
  const more =
    network.loadOnlyInlinedPlugins || siblings === undefined || !existsSync(siblings)
      ? []
      : readdirSync(siblings)
          .filter((name) => name.endsWith(".conf"))
          .toSorted()
          .map((name) => pluginConfig.parse(JSON.parse(readFileSync(join(siblings, name), "utf8"))));
  const plugins = [...network.plugins, ...more];
  if (plugins.length === 0) throw new Error(`network ${network.name} has no plugins`);
  return { ...network, plugins };
}

/** The newest version that the list and we have (cni-14). */
export function selectVersion({ cniVersion, cniVersions = [] }: Network): Version {
  const offered = [cniVersion, ...cniVersions];
  const selected = versions.findLast((version) => offered.includes(version));
  if (selected === undefined) throw new Error(`no version of ${offered.join(", ")} is known`);
  return selected;
}

export interface RequestParts {
  /** Of the attachment: by capability (cni-79). */
  readonly capabilityArgs?: Readonly<Record<string, unknown>> | undefined;
  /** Of the convention `args.cni`. */
  readonly args?: Readonly<Record<string, unknown>> | undefined;
  readonly prevResult?: object | undefined;
  /** GC's (cni-80). */
  readonly validAttachments?: readonly { readonly containerID: string; readonly ifname: string }[] | undefined;
}

/** Section 3, "Deriving request configuration": what is written to one plugin (cni-78 to cni-81). */
export function requestConfig(network: Network, plugin: PluginConfig, request: RequestParts): object {
  const { capabilities = {}, ...fields } = plugin;
  const declared = Object.keys(capabilities).filter((name) => capabilities[name] === true);
  const given = Object.entries(request.capabilityArgs ?? {}).filter(([name]) => declared.includes(name));
  const version = selectVersion(network);
  const valid = isAtLeast(version, "1.1.0") ? request.validAttachments : undefined;
  return {
    ...Object.fromEntries(Object.entries(fields).filter(([key]) => !isReserved(key))),
    cniVersion: version,
    name: network.name,
    ...(given.length > 0 && { runtimeConfig: Object.fromEntries(given) }),
    ...(request.args && { args: request.args }),
    ...(request.prevResult && { prevResult: request.prevResult }),
    ...(valid && { "cni.dev/valid-attachments": valid }),
  };
}
