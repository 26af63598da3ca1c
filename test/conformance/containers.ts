/** A runtime on a lab's node, and containers for it. */
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LabNode } from "#agent/local/lab-node.ts";
import type { NetworkNamespace } from "#agent/local/network-namespace.ts";
import { readNetwork } from "./network.ts";
import type { AddResult } from "./result-schema.ts";
import { type Attachment, Runtime } from "./runtime.ts";

/** Where Debian keeps the plugins of the CNI project. */
const debianPlugins = "/usr/lib/cni";

/** Plugins of the node beside those of Debian: `weir-ipam`, and what a test puts there. */
export function pluginFolder(node: LabNode): string {
  const folder = join(node.folder, "plugins");
  mkdirSync(folder, { recursive: true });
  const ipam = join(folder, "weir-ipam");
  if (!existsSync(ipam)) symlinkSync(join(node.lab.dist, "weir-cni"), ipam);
  return folder;
}

/** Puts {@link file://./recorder.ts} there under a name, with a folder of its own for what it is told. */
export function addRecorder(node: LabNode, name: string): string {
  const records = join(node.folder, `records-${name}`);
  mkdirSync(records, { recursive: true });
  const program = join(pluginFolder(node), name);
  const script = join(import.meta.dirname, "recorder.ts");
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${script}' '${records}'\n`);
  chmodSync(program, 0o755);
  return records;
}

/** Our plugin as the only one of a network, unless told otherwise. */
export function runtimeOf(node: LabNode, network: Readonly<Record<string, unknown>> = {}): Runtime {
  const list = { cniVersion: "1.1.0", name: "conformance", plugins: [weirPlugin(node)], ...network };
  return new Runtime({
    network: readNetwork(list),
    path: [node.lab.dist, pluginFolder(node), debianPlugins],
    folder: join(node.folder, "results"),
    enter: (command) => node.namespace.enter(command),
  });
}

export const weirPlugin = (node: LabNode, more: object = {}): object => ({
  type: "weir-cni",
  runDir: node.runDir,
  ...more,
});

/** Addresses of Debian's host-local, kept in a folder of the node. */
export const hostLocal = (node: LabNode, subnet: string): object => ({
  type: "host-local",
  dataDir: join(node.folder, "host-local"),
  ranges: [[{ subnet }]],
  routes: [{ dst: "0.0.0.0/0" }],
});

/** Debian's bridge, with such addresses, and then ours. */
export const behindBridge = (node: LabNode): object[] => [
  { type: "bridge", bridge: "bridge0", isGateway: true, ipam: hostLocal(node, "10.99.0.0/24") },
  weirPlugin(node),
];

/** A container as far as a network knows it. */
export interface Container extends Attachment, Disposable {
  readonly namespace: NetworkNamespace;
}

let containers = 0;

/** A new container; its namespace lives as long as the lab, unless disposed of earlier. */
export function makeContainer(node: LabNode, name: string, more: Partial<Attachment> = {}): Container {
  containers += 1;
  const namespace = node.lab.namespace(name);
  return {
    // Real ones are 64 hexadecimal digits.
    containerId: `${containers.toString(16).padStart(4, "0")}-${namespace.name}`,
    ifName: "eth0",
    netns: namespace.path,
    args: { K8S_POD_NAMESPACE: "default", K8S_POD_NAME: name },
    labels: { app: name },
    ...more,
    namespace,
    [Symbol.dispose]: () => namespace[Symbol.dispose](),
  };
}

/** The container's address of one family, without its prefix. */
export function addressOf({ ips = [] }: AddResult, family: 4 | 6 = 4): string {
  const found = ips.find(({ address }) => address.includes(":") === (family === 6));
  if (found === undefined) throw new Error(`the result has no IPv${family} address`);
  return found.address.split("/")[0] ?? "";
}
