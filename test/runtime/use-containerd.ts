import { beforeEach } from "vitest";
import type { LabNode } from "#agent/local/lab-node.ts";
import { prepare, useNode, type UseNodeOptions } from "#test/support/use-node.ts";
import { CniFolders, weirNetwork } from "./cni-folders.ts";
import { Containerd } from "./containerd.ts";

/** A node with mounts of its own, its agent, and containerd on it. */
export interface RuntimeNode {
  readonly node: LabNode;
  readonly containerd: Containerd;
}

export interface UseContainerdOptions extends UseNodeOptions {
  /** The network that pods get; one of Weir's with no other plugin, unless told. */
  readonly network?: (node: LabNode) => object;
}

/** {@link useNode}, with containerd for all tests of a file. */
export function useContainerd({ network = weirNetwork, ...options }: UseContainerdOptions = {}): () => RuntimeNode {
  const node = useNode({ ...options, ownMounts: true });
  let runtime: RuntimeNode | undefined;
  prepare(async () => {
    const cni = new CniFolders(node());
    const containerd = await Containerd.start(node(), cni);
    await containerd.useNetwork(network(node()));
    runtime = { node: node(), containerd };
  });
  beforeEach(({ onTestFailed }) => onTestFailed(() => void process.stderr.write(`${runtime?.containerd.logTail()}\n`)));
  return () => {
    if (runtime === undefined) throw new Error("use containerd: it has not been started");
    return runtime;
  };
}
