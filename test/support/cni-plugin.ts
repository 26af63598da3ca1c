import { join } from "node:path";
import { runCommand } from "#agent/local/command.ts";
import { LabError } from "#agent/local/errors.ts";
import type { LabNode } from "#agent/local/lab-node.ts";
import type { CniResult } from "#agent/local/lab-pod.ts";
import type { NetworkNamespace } from "#agent/local/network-namespace.ts";

/** Where Debian's package containernetworking-plugins has them. */
const folder = "/usr/lib/cni";

/** Whom a plugin is called for. */
interface Container {
  readonly containerId: string;
  readonly namespace: NetworkNamespace;
  readonly ifName: string;
}

/**
 * Calls one of the reference plugins on a node, as a runtime would.
 *
 * @returns the result; DEL has none.
 * @throws LabError `cni-failed` with the plugin's error.
 */
export async function callPlugin(
  node: LabNode,
  command: "ADD" | "DEL",
  container: Container,
  config: { readonly type: string } & Readonly<Record<string, unknown>>,
): Promise<CniResult | undefined> {
  const env = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: container.containerId,
    CNI_NETNS: container.namespace.path,
    CNI_IFNAME: container.ifName,
    CNI_PATH: folder,
  };
  const input = JSON.stringify({ cniVersion: "1.0.0", name: "other", ...config });
  const { code, stdout, stderr } = await runCommand(node.namespace.enter([join(folder, config.type)]), { input, env });
  if (code !== 0) throw new LabError("cni-failed", `${command} by ${config.type}: ${(stdout || stderr).trim()}`);
  return command === "ADD" ? (JSON.parse(stdout) as CniResult) : undefined;
}
