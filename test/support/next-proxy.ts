import { join } from "node:path";
import type { LabNode } from "#agent/local/lab-node.ts";
import { until } from "#agent/local/until.ts";
import { LabProgram } from "./lab-program.ts";

let started = 0;

/** Starts another proxy on a node, and waits until it has taken over. @param args of `weir proxy`, more. */
export async function startNextProxy(node: LabNode, ...args: readonly string[]): Promise<LabProgram> {
  const { lab, runDir, bpffs, namespace } = node;
  const options = ["proxy", "--run-dir", runDir, "--bpffs", bpffs, "--replace", ...args];
  const next = await LabProgram.start({
    lab,
    place: namespace,
    name: `next-proxy-${++started}`,
    command: [join(lab.dist, "weir"), ...options],
  });
  await until("the next proxy", async () => (await node.client.status()).proxy.pid === next.pid);
  return next;
}
