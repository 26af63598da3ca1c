import { execFileSync } from "node:child_process";
import { existsSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "#agent/local/command.ts";
import type { LabNode } from "#agent/local/lab-node.ts";
import type { NetworkNamespace } from "#agent/local/network-namespace.ts";

/** Where Debian's package puts plugins. */
const debianPlugins = "/usr/lib/cni";

/** A container's interface, as a runtime names it to plugins. */
export interface ContainerInterface {
  readonly namespace: NetworkNamespace;
  readonly ifName?: string;
  /** CNI_ARGS. */
  readonly args?: string;
}

/** What a plugin printed, as far as tests look. */
export interface PluginOutput {
  readonly exitCode: number;
  readonly code?: number;
  readonly msg?: string;
  readonly interfaces?: readonly { readonly name: string; readonly mac?: string; readonly sandbox?: string }[];
  readonly ips?: readonly { readonly address: string; readonly gateway?: string; readonly version?: string }[];
  readonly routes?: readonly object[];
  readonly dns?: object;
}

/**
 * Runs one plugin on a node as a runtime would: ours by its name, or one of Debian's
 * `containernetworking-plugins`. Plugins find each other, `weir-ipam` included.
 */
export async function runPlugin(
  node: LabNode,
  command: string,
  config: Readonly<Record<string, unknown>> & { readonly type: string },
  { namespace, ifName = "eth0", args = "" }: ContainerInterface,
): Promise<PluginOutput> {
  const own = join(node.folder, "plugins");
  if (!existsSync(own)) {
    await runCommand(["mkdir", "-p", own]);
    for (const name of ["weir-cni", "weir-ipam"]) symlinkSync(join(node.lab.dist, "weir-cni"), join(own, name));
  }
  const env = {
    PATH: process.env["PATH"] ?? "",
    CNI_COMMAND: command,
    CNI_CONTAINERID: namespace.name,
    CNI_NETNS: namespace.path,
    CNI_IFNAME: ifName,
    CNI_ARGS: args,
    CNI_PATH: `${own}:${debianPlugins}`,
  };
  const program = config.type.startsWith("weir-") ? join(own, config.type) : join(debianPlugins, config.type);
  const input = JSON.stringify({ cniVersion: "1.0.0", name: "net", ...config });
  const { code, stdout, stderr } = await runCommand(node.namespace.enter([program]), { input, env });
  if (stdout === "" && code !== 0) throw new Error(`${command} by ${config.type}: exit code ${code}: ${stderr}`);
  return { ...(stdout === "" ? {} : (JSON.parse(stdout) as object)), exitCode: code };
}

/** Runs a program inside a namespace; gives its stdout. @throws Error when it fails. */
export function runIn(namespace: NetworkNamespace, ...command: readonly string[]): string {
  const [program = "", ...args] = namespace.enter([...command]);
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
